/** The person's settings: kept by the studio, obeyed here at once. */
import { commands, type Refusal, type Settings } from "$lib/bindings";
import { speak } from "$lib/i18n.svelte";

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** What holds where the shell has not said anything yet. */
const DEFAULTS: Settings = {
  theme: "system",
  language: "system",
  notifications: true,
  reduced_motion: "system",
  export_folder: null,
  last_style: null,
};

class SettingsState {
  current = $state.raw<Settings>(window.atelierSettings ?? DEFAULTS);

  constructor() {
    if (window.atelierSettings) this.#obey();
    DARK.addEventListener("change", () => this.#obey());
  }

  /** Takes over what the studio has kept. */
  take(kept: Settings): void {
    this.current = kept;
    this.#obey();
  }

  /** Changes some of them: seen at once, then kept; what cannot be kept is put back. */
  async change(part: Partial<Settings>): Promise<Refusal | null> {
    const before = this.current;
    this.take({ ...before, ...part });
    const answer = await commands.settingsSet(this.current);
    if (answer.status === "ok") {
      this.take(answer.data);
      return null;
    }
    this.take(before);
    return answer.error;
  }

  #obey(): void {
    const { theme, language, reduced_motion: motion } = this.current;
    const root = document.documentElement;
    root.dataset.theme = theme === "system" ? (DARK.matches ? "dark" : "light") : theme;
    root.dataset.motion = motion === "on" ? "reduced" : "system";
    speak(language);
  }
}

export const settings = new SettingsState();
