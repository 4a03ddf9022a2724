/** Where the keyboard goes when what it was on has left the page. */
import { tick } from "svelte";

/** An attachment: takes the keyboard if nothing has it, as when a button was replaced by what it started. */
export function inheritFocus(element: HTMLElement): void {
  void tick().then(() => {
    if (document.activeElement === document.body || document.activeElement === null) element.focus({ preventScroll: true });
  });
}
