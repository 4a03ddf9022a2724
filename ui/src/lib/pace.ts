/** How long something still takes, by how fast it went lately. Pure but for the clock that it is given. */

/** What happened longer ago says little of how fast it goes now. */
const WINDOW_MS = 20_000;
/** Sooner nobody can tell. */
const SURE_AFTER_MS = 2_000;

export class Pace {
  #marks: { readonly at: number; readonly done: number }[] = [];

  /** `done` of `total` are done `now` (ms); gives the seconds that are left, `null` while nobody can tell. */
  mark(done: number, total: number | null, now: number = performance.now()): number | null {
    if (done < (this.#marks.at(-1)?.done ?? 0)) this.#marks = [];
    this.#marks = [...this.#marks.filter(({ at }) => now - at <= WINDOW_MS), { at: now, done }];
    const first = this.#marks[0];
    if (total === null || !first || now - first.at < SURE_AFTER_MS || done <= first.done) return null;
    return ((total - done) * (now - first.at)) / 1000 / (done - first.done);
  }
}
