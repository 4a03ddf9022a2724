/** The one polite live region: progress and ends of long work are spoken here, nowhere else. */

import { untrack } from "svelte";

const state = $state({ text: "" });

/** Has a screen reader say `text` when it has finished what it is saying. The same text twice is said twice. */
export function announce(text: string): void {
  state.text = text === untrack(() => state.text) ? `${text}\u00a0` : text;
}

/** What the live region holds. */
export function announced(): string {
  return state.text;
}
