/**
 * Rating pictures, there and back. What an undo writes is what the studio had, not what was once seen here; and a picture that was rated
 * again since keeps that rating.
 */
import { announce } from "$lib/announce.svelte";
import type { Answer } from "$lib/answer";
import { type Card, commands } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { toasts } from "$lib/toasts.svelte";
import { Turns } from "$lib/turns";
import { undo } from "$lib/undo.svelte";

/** Ratings by picture. */
type Stars = ReadonlyMap<number, number>;
type Read = (ids: readonly number[]) => Promise<Answer<Card[]>>;

export class Ratings {
  readonly #read: Read;
  readonly #written: (ratings: Stars) => void;
  /** A key held down must not read what the last stroke is still writing. */
  readonly #turns = new Turns();

  /** `read` asks the studio for pictures as they are now; `written` hears of ratings that it has taken. */
  constructor(read: Read, written: (ratings: Stars) => void) {
    this.#read = read;
    this.#written = written;
  }

  rate(ids: readonly number[], rating: number): Promise<void> {
    return this.#turns.take(() => this.#rate(ids, rating));
  }

  async #rate(ids: readonly number[], rating: number): Promise<void> {
    const now = await this.#now(ids);
    if (!now) return;
    const before: Stars = new Map([...now].filter(([, its]) => its !== rating));
    const after: Stars = new Map([...before.keys()].map((id) => [id, rating]));
    if (before.size === 0 || !(await this.#write(after))) return;
    const label = t("lib.rating.undo", { count: ids.length });
    announce(label);
    undo.push(
      {
        label,
        undo: () => this.#turns.take(() => this.#replace(after, before)),
        redo: () => this.#turns.take(() => this.#replace(before, after)),
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
    const answer = await this.#read(ids);
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
    this.#written(ratings);
    return true;
  }
}
