/** Two kinds of tests: words (plain files, in Node) and components (in a real Chromium, so that focus, layout and axe are real). */
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, mergeConfig } from "vitest/config";
import viteConfig from "./vite.config.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { name: "words", environment: "node", include: ["checks/**/*.test.ts"] } },
        {
          extends: true,
          // Named beforehand, so that no test is reloaded when one of them is met for the first time.
          optimizeDeps: {
            include: ["@tauri-apps/api/core", "@tauri-apps/api/event", "@tauri-apps/api/webview", "@tauri-apps/plugin-dialog", "axe-core"],
          },
          test: {
            name: "components",
            include: ["tests/**/*.test.ts"],
            setupFiles: ["tests/setup.ts"],
            browser: {
              enabled: true,
              headless: true,
              // Another run may have the usual port.
              api: { strictPort: false },
              screenshotFailures: false,
              viewport: { width: 1024, height: 768 },
              provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: ["--no-sandbox"] } }),
              instances: [{ browser: "chromium" }],
            },
          },
        },
      ],
    },
  }),
);
