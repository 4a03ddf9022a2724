/**
 * What the grid shows of pictures, fetched as they come into sight. One question at a time, for what is in sight now: what was
 * scrolled past while the last one ran is not asked for at all. The oldest cards are forgotten beyond a bound.
 */
import type { Card, commands, Refusal } from "$lib/bindings";

/** Most cards of one question (the studio's own limit). */
const WINDOW_LEN_MAX = 500;
/** Cards that are remembered: some screens up and down. */
const KEPT_LEN_MAX = 4_000;
/** A wheel's worth of scrolling is one question. */
const SETTLE_MS = 40;

export class Cards {
  refusal = $state.raw<Refusal | null>(null);
  #known = $state.raw<ReadonlyMap<number, Card>>(new Map());
  readonly #fetch: typeof commands.galleryCards;
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

  /** Cards of these pictures, those that are not known fetched in windows. */
  async all(ids: readonly number[]): Promise<Card[]> {
    const missing = ids.filter((id) => !this.#known.has(id));
    const fetched: Card[] = [];
    for (let at = 0; at < missing.length; at += WINDOW_LEN_MAX) {
      const answer = await this.#fetch(missing.slice(at, at + WINDOW_LEN_MAX));
      if (answer.status === "ok") fetched.push(...answer.data);
    }
    return [...ids.flatMap((id) => this.#known.get(id) ?? []), ...fetched];
  }

  /** Changes what is known of a picture, as the studio has just done. */
  rate(ratings: ReadonlyMap<number, number>): void {
    const known = new Map(this.#known);
    for (const [id, rating] of ratings) {
      const card = known.get(id);
      if (card) known.set(id, { ...card, rating });
    }
    this.#known = known;
  }

  /** Forgets everything: the library changed. */
  forget(): void {
    this.#known = new Map();
    this.want(this.#wanted);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    const missing = this.#wanted.filter((id) => !this.#known.has(id)).slice(0, WINDOW_LEN_MAX);
    if (missing.length === 0) return;
    this.#asking = true;
    const answer = await this.#fetch(missing);
    this.#asking = false;
    this.refusal = answer.status === "error" ? answer.error : null;
    if (answer.status === "error") return;
    this.#remember(answer.data);
    // What came into sight meanwhile; pictures that are gone would be asked for again and again.
    if (this.#wanted.some((id) => !this.#known.has(id) && !missing.includes(id))) await this.#ask();
  }

  #remember(cards: readonly Card[]): void {
    const known = new Map(this.#known);
    for (const card of cards) known.set(card.id, card);
    for (const id of known.keys()) {
      if (known.size <= KEPT_LEN_MAX) break;
      known.delete(id);
    }
    this.#known = known;
  }
}
