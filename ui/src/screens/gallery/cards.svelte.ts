/**
 * What the grid shows of pictures, fetched as they come into sight. One question at a time, for what is in sight now: what was
 * scrolled past while the last one ran is not asked for at all. The oldest cards are forgotten beyond a bound. When the library changes,
 * what is known stays in sight until it has been read again, so that nothing flickers.
 */
import { SvelteMap } from "svelte/reactivity";
import type { Card, commands, Refusal } from "$lib/bindings";

/** Most cards of one question (the studio's own limit). */
const WINDOW_LEN_MAX = 500;
/** Cards that are remembered: some screens up and down. */
const KEPT_LEN_MAX = 4_000;
/** A wheel's worth of scrolling is one question. */
const SETTLE_MS = 40;

export class Cards {
  refusal = $state.raw<Refusal | null>(null);
  /** In the order in which they were fetched. A cell is drawn anew only when its own card changes. */
  readonly #known = new SvelteMap<number, Card>();
  readonly #fetch: typeof commands.galleryCards;
  /** Those that were asked for since the library changed. */
  #read = new Set<number>();
  /** Counts the changes: what was asked before one is told as it was. */
  #changes = 0;
  #wanted: readonly number[] = [];
  #asking = false;
  #settling = false;

  /** `fetch` asks the studio for the cards of some pictures. */
  constructor(fetch: typeof commands.galleryCards) {
    this.#fetch = fetch;
  }

  get(id: number): Card | undefined {
    return this.#known.get(id);
  }

  /** These are in sight now. */
  want(ids: readonly number[]): void {
    this.#wanted = ids;
    if (this.#settling) return;
    this.#settling = true;
    setTimeout(() => {
      this.#settling = false;
      void this.#ask();
    }, SETTLE_MS);
  }

  /** These pictures as they are now, whatever is known of them, asked for in windows. */
  async now(ids: readonly number[]): ReturnType<typeof commands.galleryCards> {
    const fetched: Card[] = [];
    for (let at = 0; at < ids.length; at += WINDOW_LEN_MAX) {
      const answer = await this.#fetch(ids.slice(at, at + WINDOW_LEN_MAX));
      if (answer.status === "error") return answer;
      fetched.push(...answer.data);
    }
    return { status: "ok", data: fetched };
  }

  /** Changes what is known of a picture, as the studio has just done. */
  rate(ratings: ReadonlyMap<number, number>): void {
    for (const [id, rating] of ratings) {
      const card = this.#known.get(id);
      if (card) this.#known.set(id, { ...card, rating });
    }
    this.#changes += 1;
  }

  /** The library changed: what is known is read again when it is next wanted. */
  outdate(): void {
    this.#read.clear();
    this.#changes += 1;
  }

  /** Reads again what is in sight, if it is outdated. */
  refresh(): void {
    this.want(this.#wanted);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    const missing = this.#wanted.filter((id) => !this.#read.has(id)).slice(0, WINDOW_LEN_MAX);
    if (missing.length === 0) return;
    const changes = this.#changes;
    this.#asking = true;
    const answer = await this.#fetch(missing);
    this.#asking = false;
    this.refusal = answer.status === "error" ? answer.error : null;
    if (answer.status === "error") return;
    if (changes !== this.#changes) {
      // What may be old is better than nothing, but does not replace what is known.
      this.#remember(answer.data.filter(({ id }) => !this.#known.has(id)));
      this.refresh();
      return;
    }
    // Also pictures that are gone, which would be asked for again and again.
    for (const id of missing) this.#read.add(id);
    this.#remember(answer.data);
    // What came into sight meanwhile.
    if (this.#wanted.some((id) => !this.#read.has(id))) await this.#ask();
  }

  #remember(cards: readonly Card[]): void {
    for (const card of cards) {
      this.#known.delete(card.id);
      this.#known.set(card.id, card);
    }
    for (const id of this.#known.keys()) {
      if (this.#known.size <= KEPT_LEN_MAX) break;
      this.#known.delete(id);
      this.#read.delete(id);
    }
  }
}
