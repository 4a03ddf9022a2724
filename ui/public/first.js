// Before anything is painted: the theme and the language that the shell knows from the last time. The page's own module, which comes after
// the first frame, goes on from there (src/lib/settings.svelte.ts).
(() => {
  const settings = window.atelierSettings;
  if (!settings) return;
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = settings.theme === "system" ? (dark ? "dark" : "light") : settings.theme;
  root.dataset.motion = settings.reduced_motion === "on" ? "reduced" : "system";
  if (settings.language !== "system") root.lang = settings.language;
})();
