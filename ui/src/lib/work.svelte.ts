/** Long work that the page asks for and waits for: an import, an export. It is seen how far it is, and it can be ended. */
import { commands, events } from "$lib/bindings";
import { Pace } from "$lib/pace";
import { toasts } from "$lib/toasts.svelte";

let numbers = 0;

export class Work {
  /** What the studio knows it by. */
  readonly number = ++numbers;
  /** How far it is; `null` until that is known. */
  progress = $state.raw<{ readonly done: number; readonly total: number } | null>(null);
  /** Seconds, while they can be told. */
  left = $state<number | null>(null);
  /** Somebody wants it to end. */
  ending = $state(false);
  readonly #pace = new Pace();

  get share(): number | null {
    return this.progress && this.progress.total > 0 ? this.progress.done / this.progress.total : null;
  }

  async cancel(): Promise<void> {
    this.ending = true;
    const answer = await commands.workCancel(this.number);
    if (answer.status === "error") toasts.refuse(answer.error);
  }

  /** Does it: `ask` hands the number to the command. What is told of it is seen until it answers. */
  async run<T>(ask: (number: number) => Promise<T>): Promise<T> {
    const deaf = await events.workProgressed.listen(({ payload: { work, done, total } }) => {
      if (work !== this.number) return;
      this.progress = { done, total };
      this.left = this.#pace.mark(done, total);
    });
    try {
      return await ask(this.number);
    } finally {
      deaf();
    }
  }
}
