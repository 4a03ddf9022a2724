/** Where the keyboard goes when what it was on has left the page. */
import { tick } from "svelte";

/** An attachment: takes the keyboard if nothing has it, as when a button was replaced by what it started. A form takes it in its first field. */
export function inheritFocus(element: HTMLElement): void {
  const first = element instanceof HTMLFormElement ? element.querySelector<HTMLElement>("button, input") : element;
  void refocus(() => first?.focus({ preventScroll: true }));
}

/** Gives the keyboard on once the page has settled, if nothing has it then. */
export async function refocus(focus: () => void): Promise<void> {
  await tick();
  if (document.activeElement === document.body || document.activeElement === null) focus();
}
