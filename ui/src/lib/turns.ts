/** Work that is done one at a time, in the order in which it was asked for: what begins finds what the work before it left. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Does it when its turn comes, whatever became of the work before. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work, work);
    this.#last = done;
    return done;
  }
}
