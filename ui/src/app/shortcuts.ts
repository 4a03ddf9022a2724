/** What can be done on every screen: going to each, the palette, undo and redo, theme and language. */
import { LANGUAGES, language } from "$lib/i18n.svelte";
import { jobs } from "$lib/jobs.svelte";
import { go } from "$lib/route.svelte";
import { settings } from "$lib/settings.svelte";
import { shortcuts } from "$lib/shortcuts.svelte";
import { undo } from "$lib/undo.svelte";

/** Registers them; `openPalette` shows the palette, `nameStyle` asks for the name of a new style. */
export function registerHouseShortcuts(openPalette: () => void, nameStyle: () => void): void {
  shortcuts.register({ keys: "mod+k", label: "app.palette.name", run: openPalette });
  for (const [index, screen] of (["artworks", "train", "generate", "gallery", "welcome", "models"] as const).entries()) {
    shortcuts.register({ keys: `mod+${index + 1}`, label: `app.go.${screen}`, run: () => go(screen) });
  }
  shortcuts.register({ keys: "mod+,", label: "app.go.settings", run: () => go("settings") });
  shortcuts.register({ keys: "mod+z", label: "app.undo.name", when: () => undo.canUndo, run: () => void undo.undo() });
  shortcuts.register({ keys: "mod+shift+z", label: "app.redo.name", when: () => undo.canRedo, run: () => void undo.redo() });
  shortcuts.register({ label: "artworks.style.new", run: nameStyle });
  shortcuts.register({
    label: "app.jobs.pause",
    when: () => jobs.running?.kind === "train",
    run: () => jobs.running && void jobs.pause(jobs.running.id),
  });
  shortcuts.register({
    label: "app.jobs.resume",
    when: () => jobs.paused.length > 0,
    run: () => jobs.paused[0] && void jobs.resume(jobs.paused[0].id),
  });
  shortcuts.register({ label: "app.theme.other", run: otherTheme });
  shortcuts.register({ label: "app.language.other", run: otherLanguage });
}

function otherTheme(): void {
  const dark = document.documentElement.dataset.theme === "dark";
  void settings.change({ theme: dark ? "light" : "dark" });
}

function otherLanguage(): void {
  const known = Object.keys(LANGUAGES);
  const next = known[(known.indexOf(language()) + 1) % known.length];
  void settings.change({ language: next === "ko" ? "ko" : "en" });
}
