/** What the gallery knows: what is searched for, which pictures that finds, which are chosen, and which one is open. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import { commands, events, type GenerationDetail, type Refusal } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import type { Selection } from "$lib/selection";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { Cards } from "./cards.svelte";
import { emptySearch, filterOf, isEmpty, type Search } from "./filter";

/** A batch that ends is one change. */
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
  #opened = $state<number | null>(null);
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

  /** The screen is shown. */
  enter(): void {
    if (this.ids === null || this.#stale) void this.find();
  }

  async find(): Promise<void> {
    clearTimeout(this.#timer);
    this.#stale = false;
    const turn = ++this.#turn;
    const answer = await commands.galleryFind(filterOf(this.search));
    // A newer search is on its way.
    if (turn !== this.#turn) return;
    this.refusal = answer.status === "error" ? answer.error : null;
    if (answer.status === "error") return;
    this.#show(answer.data);
    if (this.searching) announce(t("gallery.found.text", { count: answer.data.length }));
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

  /** Opens a picture; `null` goes back to the grid. */
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
    const answer = await commands.generationShow(id);
    if (this.#opened !== id) return;
    if (answer.status === "ok") this.detail = answer.data;
    else this.detailRefusal = answer.error;
  }

  /** The picture `step` places further on; `null` at the ends. */
  beside(step: -1 | 1): number | null {
    const at = this.ids?.indexOf(this.#opened ?? -1) ?? -1;
    return at < 0 ? null : (this.ids?.[at + step] ?? null);
  }

  async rate(ids: readonly number[], rating: number): Promise<void> {
    if (ids.length === 0) return;
    const before = await this.cards.all(ids);
    if (!(await this.#setRatings(new Map(ids.map((id) => [id, rating]))))) return;
    announce(t("gallery.rated.undo", { count: ids.length }));
    undo.push(
      {
        label: t("gallery.rated.undo", { count: ids.length }),
        undo: async () => void (await this.#setRatings(new Map(before.map((card) => [card.id, card.rating])))),
        redo: async () => void (await this.#setRatings(new Map(ids.map((id) => [id, rating])))),
      },
      { quiet: ids.length === 1 },
    );
  }

  /** Takes pictures away; the one behind the first of them is the next. */
  async remove(ids: readonly number[]): Promise<void> {
    if (ids.length === 0 || !(await this.#take(commands.generationRemove, ids))) return;
    undo.push({
      label: t("gallery.removed.undo", { count: ids.length }),
      undo: async () => void (await this.#take(commands.generationRestore, ids)),
      redo: async () => void (await this.#take(commands.generationRemove, ids)),
    });
  }

  /** Brings removed pictures back. */
  async restore(ids: readonly number[]): Promise<void> {
    if (ids.length === 0 || !(await this.#take(commands.generationRestore, ids))) return;
    undo.push({
      label: t("gallery.restored.undo", { count: ids.length }),
      undo: async () => void (await this.#take(commands.generationRemove, ids)),
      redo: async () => void (await this.#take(commands.generationRestore, ids)),
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

  async #take(command: typeof commands.generationRemove, ids: readonly number[]): Promise<boolean> {
    const answer = await command([...ids]);
    if (answer.status === "error") {
      toasts.refuse(answer.error);
      return false;
    }
    await this.find();
    return true;
  }

  /** One question for each rating, however many pictures have it. */
  async #setRatings(ratings: ReadonlyMap<number, number>): Promise<boolean> {
    for (const rating of new Set(ratings.values())) {
      const ids = [...ratings].flatMap(([id, its]) => (its === rating ? [id] : []));
      const answer = await commands.generationRate(ids, rating);
      if (answer.status === "error") {
        toasts.refuse(answer.error);
        return false;
      }
    }
    this.cards.rate(ratings);
    const opened = this.detail && ratings.get(this.detail.id);
    if (this.detail && opened !== undefined && opened !== null) this.detail = { ...this.detail, rating: opened };
    return true;
  }

  /** Shows what was found; what is gone is no longer chosen, and its place is where the keyboard stays. */
  #show(found: readonly number[]): void {
    const there = new Set(found);
    const place = this.active === null ? -1 : (this.ids?.indexOf(this.active) ?? -1);
    this.ids = found;
    this.selected = new Set([...this.selected].filter((id) => there.has(id)));
    if (this.active !== null && !there.has(this.active)) this.active = found[Math.min(Math.max(0, place), found.length - 1)] ?? null;
    if (this.#opened !== null && !there.has(this.#opened) && place >= 0) void this.open(this.active);
  }

  #isOutrun(): boolean {
    return this.#typing === "outrun";
  }

  #changed(): void {
    this.#stale = true;
    if (this.ids === null) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.find(), CHANGES_MS);
  }
}

export const [galleryState, provideGalleryState] = createContext<GalleryState>();
