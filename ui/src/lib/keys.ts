/** How keys are written: `mod+shift+z` is Ctrl Shift Z, and ⌘ ⇧ Z on a Mac. */

export const IS_MAC = /Mac/.test(navigator.userAgent);

const MAC: Record<string, string> = { mod: "⌘", alt: "⌥", shift: "⇧", enter: "↩", delete: "⌦", backspace: "⌫", escape: "esc" };
const OTHER: Record<string, string> = {
  mod: "Ctrl",
  alt: "Alt",
  shift: "Shift",
  enter: "Enter",
  delete: "Del",
  backspace: "Backspace",
  escape: "Esc",
};
const ARROWS: Record<string, string> = { arrowup: "↑", arrowdown: "↓", arrowleft: "←", arrowright: "→", space: "Space", plus: "+" };

/** The keys of a shortcut as their caps show them. */
export function keyNames(keys: string): string[] {
  const caps = { ...ARROWS, ...(IS_MAC ? MAC : OTHER) };
  return keys.split("+").map((key) => caps[key] ?? key.toUpperCase());
}

/** The last letter of Unicode's Latin blocks that a keyboard writes. */
const LATIN_LAST = "\u024f";

/**
 * The key that was pressed, in lower case. Where a layout writes no Latin letters (Hangul, Cyrillic), the letter that stands at its place
 * on a Latin one: shortcuts are places there.
 */
export function keyOf(event: KeyboardEvent): string {
  if (event.key === " ") return "space";
  const place = /^(?:Key|Digit)([A-Z0-9])$/.exec(event.code)?.[1];
  const foreign = event.key === "Process" || event.key === "Unidentified" || (event.key.length === 1 && event.key > LATIN_LAST);
  return (foreign && place ? place : event.key).toLowerCase();
}

/** What was pressed, written the same way: `mod`, `alt`, `shift`, then the key. */
export function keysOf(event: KeyboardEvent): string {
  const mod = IS_MAC ? event.metaKey : event.ctrlKey;
  const key = keyOf(event);
  return [mod && "mod", event.altKey && "alt", event.shiftKey && "shift", key].filter(Boolean).join("+");
}

/** Whether somebody is typing text there, so that plain keys belong to the text. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "range", "button", "submit"].includes(target.type);
}
