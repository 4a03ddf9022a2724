/** What the gallery knows: what is searched for, which pictures that finds, which are chosen, and which one is open. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import { commands, events, type GenerationDetail, type Refusal } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import type { Selection } from "$lib/selection";
import { Ratings } from "$lib/ratings";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { Cards } from "./cards.svelte";
import { emptySearch, filterOf, isEmpty, type Search } from "./filter";

/** What changes in one go, a batch that ends or a key that is held down, is one change. */
const CHANGES_MS = 400;

export class GalleryState {
  search = $state<Search>(emptySearch());
  /** Newest first; `null` until the first answer. */
  ids = $state.raw<readonly number[] | null>(null);
  /** Why the search was refused. */
  refusal = $state.raw<Refusal | null>(null);
  selected = $state.raw<Selection>(new Set());
  /** The one that the keyboard is on. */
  active = $state<number | null>(null);
  /** All about the picture that is open. */
  detail = $state.raw<GenerationDetail | null>(null);
  detailRefusal = $state.raw<Refusal | null>(null);
  /** Which pictures are to be exported; `null` while the question is not open. */
  exporting = $state.raw<readonly number[] | null>(null);
  readonly cards = new Cards(commands.galleryCards);
  readonly #ratings = new Ratings(
    (ids) => this.cards.now(ids),
    (ratings) => this.#rated(ratings),
  );
  #opened = $state<number | null>(null);
  #isShown = false;
  /** Being removed or restored. */
  #taking = new Set<number>();
  /** The last question, and whether its answer is what is shown. */
  #finding: Promise<boolean> = Promise.resolve(false);
  #turn = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stale = false;
  #typing: "answered" | "asking" | "outrun" = "answered";

  constructor() {
    void events.libraryChanged.listen(({ payload }) => payload.what === "generations" && this.#changed());
    void events.generationFinished.listen(() => this.#changed());
  }

  get searching(): boolean {
    return !isEmpty(this.search);
  }

  /** The open picture; `null` while the grid is looked at. */
  get opened(): number | null {
    return this.#opened;
  }

  /** What an action is done to: the chosen pictures, or the one that the keyboard is on. */
  get marked(): readonly number[] {
    if (this.#opened !== null) return [this.#opened];
    if (this.selected.size > 0) return [...this.selected];
    return this.active === null ? [] : [this.active];
  }

  /** The screen is shown, until the answer is called. */
  enter(): () => void {
    this.#isShown = true;
    if (this.ids === null || this.#stale) void this.#catchUp();
    return () => {
      this.#isShown = false;
      clearTimeout(this.#timer);
    };
  }

  /** Asks for what is searched for; tells how much that is. */
  async find(): Promise<void> {
    if ((await this.#find()) && this.searching && this.ids) announce(t("gallery.found.text", { count: this.ids.length }));
  }

  /** The search changed: asks for it at once; what is typed until the answer comes is one more question. */
  async findTyped(): Promise<void> {
    if (this.#typing !== "answered") {
      this.#typing = "outrun";
      return;
    }
    do {
      this.#typing = "asking";
      await this.find();
    } while (this.#isOutrun());
    this.#typing = "answered";
  }

  clearSearch(): void {
    this.search = { ...emptySearch(), removed: this.search.removed };
    void this.find();
  }

  /** Shows what was removed lately, or what is there again. */
  showRemoved(removed: boolean): void {
    this.search.removed = removed;
    this.selected = new Set();
    this.active = null;
    void this.find();
  }

  /** Opens a picture that another screen hands over; one that the search leaves out is shown among all that are there. */
  async show(id: number): Promise<void> {
    await this.#finding;
    if (!this.ids?.includes(id)) {
      this.search = emptySearch();
      await this.#find();
    }
    if (!this.#isShown) return;
    if (this.ids?.includes(id)) await this.open(id);
    else if (!this.refusal) toasts.refuse({ code: "generation_unknown", details: { generation: id } });
  }

  /** Opens one of those that were found; `null` goes back to the grid. */
  async open(id: number | null): Promise<void> {
    if (this.#opened === id) return;
    this.#opened = id;
    this.detailRefusal = null;
    if (id === null) {
      this.detail = null;
      return;
    }
    this.active = id;
    this.selected = new Set([id]);
    await this.#describe(id);
  }

  /** The picture `step` places further on; `null` at the ends. */
  beside(step: -1 | 1): number | null {
    const at = this.ids?.indexOf(this.#opened ?? -1) ?? -1;
    return at < 0 ? null : (this.ids?.[at + step] ?? null);
  }

  rate(ids: readonly number[], rating: number): Promise<void> {
    return this.#ratings.rate(ids, rating);
  }

  /** Takes pictures away; the one behind the first of them is the next. */
  async remove(asked: readonly number[]): Promise<void> {
    const ids = this.#takeable(asked);
    if (ids.length === 0 || !(await this.#take(commands.generationRemove, ids))) return;
    undo.push({
      label: t("gallery.removed.undo", { count: ids.length }),
      undo: () => this.#take(commands.generationRestore, ids),
      redo: () => this.#take(commands.generationRemove, ids),
    });
  }

  /** Brings removed pictures back. */
  async restore(asked: readonly number[]): Promise<void> {
    const ids = this.#takeable(asked);
    if (ids.length === 0 || !(await this.#take(commands.generationRestore, ids))) return;
    undo.push({
      label: t("gallery.restored.undo", { count: ids.length }),
      undo: () => this.#take(commands.generationRemove, ids),
      redo: () => this.#take(commands.generationRestore, ids),
    });
  }

  async copy(id: number | undefined): Promise<void> {
    if (id === undefined) return;
    const answer = await commands.generationCopy(id);
    if (answer.status === "error") toasts.refuse(answer.error);
    else toasts.show(t("gallery.copied.note"), { tone: "good" });
  }

  /** A picture is pulled out of the window, and with it all that are chosen together. */
  async drag(id: number): Promise<void> {
    const ids = this.selected.has(id) ? [...this.selected] : [id];
    const answer = await commands.generationDrag(ids);
    if (answer.status === "error") toasts.refuse(answer.error);
  }

  /** Asks where to, then exports. */
  askExport(ids: readonly number[] = this.marked): void {
    if (ids.length > 0) this.exporting = ids;
  }

  /** Those of these that are still to be seen and that nobody takes already: a key held down takes each once. */
  #takeable(ids: readonly number[]): readonly number[] {
    const there = new Set(this.ids);
    return ids.filter((id) => there.has(id) && !this.#taking.has(id));
  }

  async #take(command: typeof commands.generationRemove, ids: readonly number[]): Promise<boolean> {
    for (const id of ids) this.#taking.add(id);
    const answer = await command([...ids]);
    if (answer.status === "error") toasts.refuse(answer.error);
    else await this.find();
    for (const id of ids) this.#taking.delete(id);
    return answer.status === "ok";
  }

  #find(): Promise<boolean> {
    this.#finding = this.#ask();
    return this.#finding;
  }

  async #ask(): Promise<boolean> {
    clearTimeout(this.#timer);
    this.#stale = false;
    const turn = ++this.#turn;
    const answer = await commands.galleryFind(filterOf(this.search));
    // A newer search is on its way.
    if (turn !== this.#turn) return false;
    this.refusal = answer.status === "error" ? answer.error : null;
    this.#stale = answer.status === "error" || this.#stale;
    if (answer.status === "error") return false;
    this.#show(answer.data);
    this.cards.refresh();
    return true;
  }

  async #describe(id: number): Promise<void> {
    const answer = await commands.generationShow(id);
    if (this.#opened !== id) return;
    if (answer.status === "ok") this.detail = answer.data;
    this.detailRefusal = answer.status === "error" ? answer.error : null;
  }

  /** Ratings were written. */
  #rated(ratings: ReadonlyMap<number, number>): void {
    this.cards.rate(ratings);
    const rating = this.detail && ratings.get(this.detail.id);
    if (this.detail && typeof rating === "number") this.detail = { ...this.detail, rating };
  }

  /** Shows what was found; what is gone is no longer chosen, and its place is where the keyboard, or the look at one picture, goes on. */
  #show(found: readonly number[]): void {
    const before = this.ids;
    if (before?.length === found.length && before.every((id, at) => id === found[at])) return;
    const there = new Set(found);
    const placeOf = (id: number) => before?.indexOf(id) ?? -1;
    const at = (place: number) => found[Math.min(Math.max(0, place), found.length - 1)] ?? null;
    this.ids = found;
    this.selected = new Set([...this.selected].filter((id) => there.has(id)));
    if (this.active !== null && !there.has(this.active)) this.active = at(placeOf(this.active));
    if (this.#opened === null || there.has(this.#opened)) return;
    const place = placeOf(this.#opened);
    void this.open(place < 0 ? null : at(place));
  }

  #isOutrun(): boolean {
    return this.#typing === "outrun";
  }

  /** The library changed, here or on another screen. Who does not look is told at his return. */
  #changed(): void {
    this.#stale = true;
    this.cards.outdate();
    clearTimeout(this.#timer);
    if (this.#isShown) this.#timer = setTimeout(() => void this.#catchUp(), CHANGES_MS);
  }

  async #catchUp(): Promise<void> {
    await this.#find();
    if (this.#opened !== null) await this.#describe(this.#opened);
  }
}

export const [galleryState, provideGalleryState] = createContext<GalleryState>();
