/**
 * Every shortcut of the window, by where it works, for Settings: what screens register is there only while they are shown, and some keys
 * belong to what has the focus. A test compares this with what is registered.
 */
import type { Key } from "$lib/i18n.svelte";

export interface ShortcutGroup {
  readonly title: Key;
  /** When the keys act, if not always on that screen. */
  readonly note?: Key;
  readonly shortcuts: readonly ShortcutEntry[];
}

export interface ShortcutEntry {
  /** Each of them does it. */
  readonly keys: readonly string[];
  readonly label: Key;
}

export const SHORTCUTS: readonly ShortcutGroup[] = [
  {
    title: "settings.keys.everywhere",
    shortcuts: [
      { keys: ["mod+k"], label: "app.palette.name" },
      { keys: ["mod+1"], label: "app.go.artworks" },
      { keys: ["mod+2"], label: "app.go.train" },
      { keys: ["mod+3"], label: "app.go.generate" },
      { keys: ["mod+4"], label: "app.go.gallery" },
      { keys: ["mod+5"], label: "app.go.welcome" },
      { keys: ["mod+6"], label: "app.go.models" },
      { keys: ["mod+,"], label: "app.go.settings" },
      { keys: ["mod+z"], label: "app.undo.name" },
      { keys: ["mod+shift+z"], label: "app.redo.name" },
    ],
  },
  {
    title: "app.screen.artworks",
    note: "settings.keys.artworks-note",
    shortcuts: [
      { keys: ["t"], label: "artworks.action.tags" },
      { keys: ["c"], label: "artworks.action.crop" },
      { keys: ["["], label: "artworks.action.turn-left" },
      { keys: ["]"], label: "artworks.action.turn-right" },
      { keys: ["delete"], label: "artworks.action.remove" },
    ],
  },
  {
    title: "app.screen.train",
    shortcuts: [{ keys: ["mod+enter"], label: "train.start.button" }],
  },
  {
    title: "app.screen.generate",
    shortcuts: [{ keys: ["mod+enter"], label: "generate.make.shortcut" }],
  },
  {
    title: "app.screen.gallery",
    note: "settings.keys.gallery-note",
    shortcuts: [
      { keys: ["mod+f"], label: "gallery.search.shortcut" },
      { keys: ["mod+e"], label: "gallery.export.shortcut" },
      { keys: ["mod+c"], label: "gallery.picture.copy" },
      { keys: ["1", "2", "3", "4", "5"], label: "settings.keys.rate" },
      { keys: ["0"], label: "settings.keys.no-stars" },
      { keys: ["delete"], label: "gallery.picture.remove" },
      { keys: ["arrowleft"], label: "gallery.detail.previous" },
      { keys: ["arrowright"], label: "gallery.detail.next" },
    ],
  },
  {
    title: "settings.keys.grids",
    shortcuts: [
      { keys: ["arrowleft", "arrowright", "arrowup", "arrowdown"], label: "settings.keys.move" },
      { keys: ["shift+arrowleft", "shift+arrowright"], label: "settings.keys.extend" },
      { keys: ["space"], label: "settings.keys.toggle" },
      { keys: ["mod+a"], label: "settings.keys.all" },
      { keys: ["escape"], label: "settings.keys.none" },
      { keys: ["enter"], label: "settings.keys.open" },
    ],
  },
  {
    title: "settings.keys.picture",
    note: "settings.keys.picture-note",
    shortcuts: [
      { keys: ["plus"], label: "lib.picture.zoom-in" },
      { keys: ["-"], label: "lib.picture.zoom-out" },
      { keys: ["0"], label: "settings.keys.fit" },
      { keys: ["1"], label: "settings.keys.pixels" },
    ],
  },
];
