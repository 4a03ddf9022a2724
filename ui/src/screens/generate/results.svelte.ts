/** What was made lately and what is forming: the strip under the easel, which of it stands on the easel, and what it is compared with. */
import { commands, events, type Card, type GenerationDetail, type Job, type Refusal } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { jobs } from "$lib/jobs.svelte";
import { Ratings } from "$lib/ratings";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { Underway } from "./underway.svelte";

/** Pictures in the strip; the gallery has all. */
const STRIP_LEN_MAX = 48;
/** Several pictures that end together are read at once. */
const SETTLE_MS = 150;

export class Results {
  /** Newest first; `null` until they were read. */
  cards = $state.raw<Card[] | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  readonly underway = new Underway();
  /** All about the picture on the easel, and about the one it is compared with. */
  detail = $state.raw<GenerationDetail | null>(null);
  otherDetail = $state.raw<GenerationDetail | null>(null);
  /** The picture that was chosen; `null` follows what is being made. */
  #chosen = $state<number | null>(null);
  #other = $state<number | null>(null);
  /** The last one that was chosen although the strip does not go back to it. */
  #older = $state.raw<Card | null>(null);
  /** Failed orders whose reason has been read. */
  #told = $state.raw<ReadonlySet<number>>(new Set());
  /** Pictures that are made again with one change: job → original. */
  #variations = new Map<number, number>();
  /** One of them is there and is shown beside its original with the next look at the library. */
  #arrived: { original: number; made: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts what was read and written: an older answer is not shown. */
  #turn = 0;
  readonly #ratings = new Ratings(
    (ids) => commands.galleryCards([...ids]),
    (ratings) => this.#rated(ratings),
  );
  /** Being removed. */
  #removing = new Set<number>();

  constructor() {
    void events.generationFinished.listen(({ payload }) => this.#finished(payload.job, payload.generation));
    void events.libraryChanged.listen(({ payload }) => payload.what === "generations" && this.cards && this.#soon());
  }

  /** The newest order that failed and nobody has read why, whatever was begun since. */
  get failed(): Job | null {
    return this.#unread[0] ?? null;
  }

  /** Why this job failed has been read. */
  forget(job: number): void {
    this.#told = new Set(this.#told).add(job);
  }

  /** Who asks for more has read why the orders before failed. */
  forgetFailed(): void {
    this.#told = new Set([...this.#told, ...this.#unread.map(({ id }) => id)]);
  }

  /** Newest first. */
  get #unread(): Job[] {
    const failed = jobs.list.filter(({ id, kind, status }) => kind === "generate" && status === "failed" && !this.#told.has(id));
    return failed.sort((a, b) => b.id - a.id);
  }

  /** Whether the easel shows what is being made. */
  get following(): boolean {
    return this.#chosen === null && this.underway.job !== null;
  }

  /** The finished picture on the easel. */
  get shown(): Card | null {
    if (this.following) return null;
    return this.#find(this.#chosen) ?? this.cards?.[0] ?? null;
  }

  /** The picture that the one on the easel is compared with. */
  get other(): Card | null {
    return this.#find(this.#other);
  }

  async load(): Promise<void> {
    const turn = ++this.#turn;
    const [answer, older] = await Promise.all([commands.galleryLatest(STRIP_LEN_MAX), this.#older && this.#read(this.#older.id)]);
    if (turn !== this.#turn) return;
    this.refusal = answer.status === "error" ? answer.error : null;
    if (answer.status === "error") return;
    this.#older = older;
    this.#take(answer.data);
    if (this.#arrived) {
      this.#chosen = this.#arrived.original;
      this.#other = this.#arrived.made;
      this.#arrived = null;
    }
    await this.#describe();
  }

  /** Puts a picture on the easel; while comparing, beside the one that is there. */
  async choose(id: number): Promise<void> {
    if (!this.#find(id)) this.#older = await this.#read(id);
    if (this.#other !== null && id !== this.shown?.id) this.#other = id;
    else this.#chosen = id;
    await this.#describe();
  }

  /** Shows what is being made again. */
  follow(): void {
    this.#chosen = this.#other = null;
    void this.#describe();
  }

  /** Compares the shown picture with another: the one made before it, until one is chosen. `null` ends it. */
  async compare(other: number | null = this.#neighbour()): Promise<void> {
    if (other !== null) this.#chosen = this.shown?.id ?? null;
    this.#other = other;
    await this.#describe();
  }

  /** Whether there is anything to compare the shown picture with. */
  get comparable(): boolean {
    return this.shown !== null && this.other === null && this.#neighbour() !== null;
  }

  stopComparing(): void {
    this.#other = null;
    this.otherDetail = null;
  }

  /** A job makes `original` again with one change: when it is there, both are shown. */
  expect(job: number, original: number): void {
    this.#variations.set(job, original);
    this.follow();
  }

  rate(id: number, rating: number): Promise<void> {
    return this.#ratings.rate([id], rating);
  }

  async remove(id: number): Promise<void> {
    const done = async (command: typeof commands.generationRemove) => {
      const answer = await command([id]);
      if (answer.status === "error") toasts.refuse(answer.error);
      else if (this.#older?.id === id) this.#older = null;
      await this.load();
      return answer.status === "ok";
    };
    // Whoever presses twice removes it once.
    if (this.#removing.has(id)) return;
    this.#removing.add(id);
    const removed = await done(commands.generationRemove);
    this.#removing.delete(id);
    if (!removed) return;
    undo.push({
      label: t("generate.removed.undo"),
      undo: () => done(commands.generationRestore),
      redo: () => done(commands.generationRemove),
    });
  }

  /** A picture is pulled out of the window. */
  async drag(id: number): Promise<void> {
    const answer = await commands.generationDrag([id]);
    if (answer.status === "error") toasts.refuse(answer.error);
  }

  /** Shows what is there now. Where the picture on the easel is gone, the one behind it stands there, and nothing is compared with what is gone. */
  #take(cards: Card[]): void {
    const place = this.cards?.findIndex(({ id }) => id === this.#chosen) ?? -1;
    this.cards = cards;
    const there = (id: number | null) => this.#find(id) !== null;
    if (!there(this.#chosen)) this.#chosen = place < 0 ? null : (cards[Math.min(place, cards.length - 1)]?.id ?? null);
    if (!there(this.#other) || this.#other === this.#chosen) this.stopComparing();
  }

  #find(id: number | null): Card | null {
    return this.cards?.find((card) => card.id === id) ?? (this.#older?.id === id ? this.#older : null);
  }

  /** The picture as the studio has it; `null` when it refuses to say, or has no such one. */
  async #read(id: number): Promise<Card | null> {
    const answer = await commands.galleryCards([id]);
    if (answer.status === "error") toasts.refuse(answer.error);
    return answer.status === "ok" ? (answer.data[0] ?? null) : null;
  }

  /** Ratings were written. */
  #rated(ratings: ReadonlyMap<number, number>): void {
    const rated = (card: Card) => ({ ...card, rating: ratings.get(card.id) ?? card.rating });
    // What is being read may still have the old ones.
    this.#turn += 1;
    this.cards = this.cards?.map(rated) ?? null;
    this.#older = this.#older && rated(this.#older);
    this.#soon();
  }

  #neighbour(): number | null {
    const cards = this.cards ?? [];
    const at = cards.findIndex(({ id }) => id === this.shown?.id);
    return (cards[at + 1] ?? cards[at - 1])?.id ?? null;
  }

  #finished(job: number, id: number): void {
    const original = this.#variations.get(job);
    this.#variations.delete(job);
    if (original !== undefined) this.#arrived = { original, made: id };
    this.#soon();
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), SETTLE_MS);
  }

  async #describe(): Promise<void> {
    const [shown, other] = [this.shown, this.other];
    const ask = async (card: Card | null) => {
      const answer = card && (await commands.generationShow(card.id));
      return answer?.status === "ok" ? answer.data : null;
    };
    const [detail, otherDetail] = await Promise.all([ask(shown), ask(other)]);
    if (shown?.id !== this.shown?.id || other?.id !== this.other?.id) return;
    this.detail = detail;
    this.otherDetail = otherDetail;
  }
}
