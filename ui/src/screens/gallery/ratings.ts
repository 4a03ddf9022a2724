/**
 * Rating pictures, there and back. What an undo writes is what the studio had, not what was once seen here; and a picture that was rated
 * again since keeps that rating.
 */
import { announce } from "$lib/announce.svelte";
import { commands } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import type { Cards } from "./cards.svelte";

/** Ratings by picture. */
type Stars = ReadonlyMap<number, number>;

export class Ratings {
  readonly #cards: Cards;
  readonly #written: (ratings: Stars) => void;
  #turn: Promise<unknown> = Promise.resolve();

  /** `written` hears of ratings that the studio has taken. */
  constructor(cards: Cards, written: (ratings: Stars) => void) {
    this.#cards = cards;
    this.#written = written;
  }

  rate(ids: readonly number[], rating: number): Promise<void> {
    return this.#inTurn(() => this.#rate(ids, rating));
  }

  async #rate(ids: readonly number[], rating: number): Promise<void> {
    const now = await this.#now(ids);
    if (!now) return;
    const before: Stars = new Map([...now].filter(([, its]) => its !== rating));
    const after: Stars = new Map([...before.keys()].map((id) => [id, rating]));
    if (before.size === 0 || !(await this.#write(after))) return;
    const label = t("gallery.rated.undo", { count: ids.length });
    announce(label);
    undo.push(
      {
        label,
        undo: () => this.#inTurn(() => this.#replace(after, before)),
        redo: () => this.#inTurn(() => this.#replace(before, after)),
      },
      { quiet: ids.length === 1 },
    );
  }

  /** Writes `to` where it still says `from`. */
  async #replace(from: Stars, to: Stars): Promise<boolean> {
    const now = await this.#now([...from.keys()]);
    return now !== null && this.#write(new Map([...to].filter(([id]) => now.get(id) === from.get(id))));
  }

  /** The ratings that the studio has; `null` when it refuses to say. */
  async #now(ids: readonly number[]): Promise<Stars | null> {
    const answer = await this.#cards.now(ids);
    if (answer.status === "ok") return new Map(answer.data.map(({ id, rating }) => [id, rating]));
    toasts.refuse(answer.error);
    return null;
  }

  /** One question for each rating, however many pictures have it. */
  async #write(ratings: Stars): Promise<boolean> {
    for (const rating of new Set(ratings.values())) {
      const ids = [...ratings].flatMap(([id, its]) => (its === rating ? [id] : []));
      const answer = await commands.generationRate(ids, rating);
      if (answer.status === "error") {
        toasts.refuse(answer.error);
        return false;
      }
    }
    this.#cards.rate(ratings);
    this.#written(ratings);
    return true;
  }

  /** One at a time: a key held down must not read what the last stroke is still writing. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work, work);
    this.#turn = done;
    return done;
  }
}
