/// <reference types="vite/client" />
/// <reference types="svelte" />

interface Window {
  /** What the shell knows of the settings when the page begins; absent outside the shell. */
  readonly atelierSettings?: import("$lib/bindings").Settings;
}
