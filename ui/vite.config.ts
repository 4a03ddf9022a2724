/** How the window's page is built: one folder of static files that the shell carries inside itself. */
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vite";
import { budget } from "./checks/budget.ts";

/** Of all files together, compressed. */
const PAGE_BYTES_MAX = 400_000;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [tailwindcss(), svelte(), budget(PAGE_BYTES_MAX)],
  resolve: {
    alias: { $lib: here("src/lib"), $words: here("src/words"), $catalogue: here("../crates/contract/catalogue") },
  },
  clearScreen: false,
  server: { port: 1420, strictPort: true, fs: { allow: [here("."), here("../crates/contract/catalogue")] } },
  build: {
    // The oldest web views that the shell runs in: WebKitGTK 2.40, WKWebView of macOS 13, WebView2.
    target: ["safari16.4", "chrome111"],
    // One file is read from inside the program at once; the budget looks after its size.
    chunkSizeWarningLimit: 2_000,
  },
});
