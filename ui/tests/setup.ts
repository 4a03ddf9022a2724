/** Every component test sees the window's own styles, in English. */
import "../src/app.css";
import { speak } from "$lib/i18n.svelte";

speak("en");
document.documentElement.dataset.theme = "light";
// What is looked at is the end of a movement, not its middle.
document.documentElement.dataset.motion = "reduced";
