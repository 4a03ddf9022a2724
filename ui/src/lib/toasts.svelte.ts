/** Short notes at the edge of the window. They come and go; what must not be missed is said where it was asked for. */
import { untrack } from "svelte";
import type { Refusal } from "$lib/bindings";
import { announce } from "$lib/announce.svelte";
import { sentence } from "$lib/refusals";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "good" | "bad";
  /** A button in the toast, such as “Undo”. */
  readonly action?: ToastAction;
}

export interface ToastAction {
  readonly label: string;
  readonly run: () => void;
}

/** How long a toast stays; one with a button stays longer, and while pointer or focus is on it. */
const STAYS_MS = 5_000;
const STAYS_WITH_ACTION_MS = 12_000;
/** Older ones leave when more arrive. */
const SHOWN_MAX = 4;

class Toasts {
  shown = $state.raw<Toast[]>([]);
  #timers = new Map<number, ReturnType<typeof setTimeout>>();
  #next = 1;

  show(text: string, options: { tone?: Toast["tone"]; action?: ToastAction } = {}): number {
    // Who shows one in an effect does not follow those that are shown.
    return untrack(() => this.#show(text, options));
  }

  #show(text: string, options: { tone?: Toast["tone"]; action?: ToastAction }): number {
    const toast: Toast = { id: this.#next++, text, tone: options.tone ?? "plain", action: options.action };
    for (const old of this.shown.slice(0, Math.max(0, this.shown.length + 1 - SHOWN_MAX))) this.dismiss(old.id);
    this.shown = [...this.shown, toast];
    this.release(toast.id);
    announce(text);
    return toast.id;
  }

  /** Says why something was refused, for things that have no place of their own on the screen. */
  refuse(refusal: Refusal): number {
    return this.show(sentence(refusal), { tone: "bad" });
  }

  dismiss(id: number): void {
    this.hold(id);
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }

  /** Keeps a toast while somebody reads or reaches it. */
  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  /** Lets its time run (again). */
  release(id: number): void {
    const toast = this.shown.find((shown) => shown.id === id);
    if (!toast) return;
    this.hold(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), toast.action ? STAYS_WITH_ACTION_MS : STAYS_MS),
    );
  }
}

export const toasts = new Toasts();
