/** What can be taken back. A step is pushed after it was done; Ctrl+Z anywhere outside a text field takes back the last one. */
import { t } from "$lib/i18n.svelte";
import { toasts } from "$lib/toasts.svelte";
import { Turns } from "$lib/turns";

export interface Step {
  /** What was done, as the toast says it: “12 artworks removed”. */
  readonly label: string;
  /** Whether it was taken back. What was refused says so itself, and can be tried again. */
  readonly undo: () => Promise<boolean>;
  /** The same, for doing it again. */
  readonly redo?: () => Promise<boolean>;
}

/** Older steps are forgotten. */
const STEPS_MAX = 100;

class Undo {
  #done = $state.raw<Step[]>([]);
  #undone = $state.raw<Step[]>([]);
  #toasts = new WeakMap<Step, number>();
  /** Those that were refused the last time. */
  #refused = new WeakSet<Step>();
  /** Holding Ctrl+Z must not run two steps into each other. */
  readonly #turns = new Turns();

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Remembers a step that was done; `quiet` shows no toast, for steps that are seen at once. */
  push(step: Step, options: { quiet?: boolean } = {}): void {
    this.#done = [...this.#done, step].slice(-STEPS_MAX);
    this.#undone = [];
    if (options.quiet) return;
    const toast = toasts.show(step.label, {
      action: { label: t("lib.undo.button"), run: () => void this.#turns.take(() => this.#takeBack(step)) },
    });
    this.#toasts.set(step, toast);
  }

  /** Takes back the last step. */
  undo(): Promise<void> {
    return this.#turns.take(() => this.#takeBack(this.#done.at(-1)));
  }

  /** Does again what was taken back last. */
  redo(): Promise<void> {
    return this.#turns.take(async () => {
      const step = this.#undone.at(-1);
      if (!step?.redo) return;
      if (!(await step.redo())) return this.#keepOnce(step);
      this.#refused.delete(step);
      this.#undone = this.#undone.filter((other) => other !== step);
      this.#done = [...this.#done, step];
    });
  }

  async #takeBack(step: Step | undefined): Promise<void> {
    if (!step || !this.#done.includes(step)) return;
    if (!(await step.undo())) return this.#keepOnce(step);
    this.#refused.delete(step);
    this.#done = this.#done.filter((other) => other !== step);
    // Its button has nothing left to do.
    toasts.dismiss(this.#toasts.get(step) ?? -1);
    if (step.redo) this.#undone = [...this.#undone, step];
    toasts.show(t("lib.undo.done", { label: step.label }));
  }

  /** What was refused can be tried once more; refused again, it no longer stands before older steps. */
  #keepOnce(step: Step): void {
    if (!this.#refused.has(step)) {
      this.#refused.add(step);
      return;
    }
    this.#done = this.#done.filter((other) => other !== step);
    this.#undone = this.#undone.filter((other) => other !== step);
    toasts.dismiss(this.#toasts.get(step) ?? -1);
  }
}

export const undo = new Undo();
