/**
 * Keyboard shortcuts and the actions of the command palette: one list, so that every action that has keys can also be
 * found by name, and the other way round.
 *
 * `mod` is Ctrl, and ⌘ on a Mac. Keys without `mod` do nothing while somebody types in a text field. A letter or a sign alone acts only
 * in its place, where the focus has to be: speech input types such keys anywhere (WCAG 2.1.4). `delete` is Backspace, too: a MacBook has no
 * other. Settings shows all of `shortcut-table.ts`.
 */
import { untrack } from "svelte";
import type { Key } from "$lib/i18n.svelte";
import { keysOf, takesText } from "$lib/keys";

export interface Shortcut {
  /** `mod+enter`, `shift+r`, `delete`; none for actions that only the palette offers. */
  readonly keys?: string;
  /** What it does, shown in the palette and in Settings. */
  readonly label: Key;
  /** Where the focus has to be for the keys: in an element with this `data-keys`. Anywhere, if left out. */
  readonly place?: string;
  /** A key that is held does it once. */
  readonly once?: boolean;
  /** Whether it can be done now; always, if left out. */
  readonly when?: () => boolean;
  readonly run: () => void;
}

/** Text fields have their own meaning for these even with `mod`. */
const TEXT_KEYS = ["mod+z", "mod+shift+z", "mod+y", "mod+a", "mod+c", "mod+x", "mod+v", "mod+backspace", "mod+delete"];

/** A grid of pictures is a listbox, too, but it is the screen itself. */
const ROOMS = "[role=dialog], [role=menu], [role=listbox]:not([aria-multiselectable=true])";

function isIn(target: EventTarget | null, place: string | undefined): boolean {
  return place === undefined || (target instanceof Element && target.closest(`[data-keys="${place}"]`) !== null);
}

class Shortcuts {
  list = $state.raw<Shortcut[]>([]);

  /**
   * Adds a shortcut; the answer takes it away again. The one added last goes before others with the same keys.
   * Effects that register do not follow the list, which they change.
   */
  register(shortcut: Shortcut): () => void {
    this.list = [...untrack(() => this.list), shortcut];
    return () => {
      this.list = untrack(() => this.list).filter((other) => other !== shortcut);
    };
  }

  /** Those that can be done now. */
  available(): Shortcut[] {
    return this.list.filter((shortcut) => shortcut.when?.() ?? true);
  }

  handle(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing) return;
    const keys = keysOf(event);
    const inText = takesText(event.target);
    if (inText && (!keys.includes("mod+") || TEXT_KEYS.includes(keys))) return;
    // A dialog or an open list is a room of its own: what lies behind it stays as it is.
    if (event.target instanceof Element && event.target.closest(ROOMS)) return;
    const meant = keys.replace("backspace", "delete");
    const found = this.list.findLast(
      (shortcut) => shortcut.keys === meant && isIn(event.target, shortcut.place) && (shortcut.when?.() ?? true),
    );
    if (!found) return;
    event.preventDefault();
    if (!(found.once && event.repeat)) found.run();
  }
}

export const shortcuts = new Shortcuts();
