import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import { rooms } from "./checks/rooms.js";
import svelteConfig from "./svelte.config.js";

const INVOKE = "Call the shell through `commands` and `events` of $lib/bindings, which are generated and typed.";

export default ts.config(
  { ignores: ["dist/", "src/lib/bindings.ts"] },
  js.configs.recommended,
  ts.configs.strict,
  ts.configs.stylistic,
  svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    plugins: { house: { rules: { rooms } } },
    rules: {
      "house/rooms": "error",
      "no-restricted-imports": [
        "error",
        {
          paths: [
            { name: "@tauri-apps/api/core", importNames: ["invoke"], message: INVOKE },
            { name: "@tauri-apps/api/event", message: INVOKE },
          ],
        },
      ],
      "no-console": "error",
      // TypeScript knows better.
      "no-undef": "off",
      "no-import-assign": "off",
      eqeqeq: "error",
      "max-lines": ["error", { max: 300, skipBlankLines: true }],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-assertions": ["error", { assertionStyle: "never" }],
      "@typescript-eslint/consistent-type-definitions": "off", // an interface for shapes, a type for unions
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "svelte/no-at-html-tags": "error",
      "svelte/no-navigation-without-resolve": "off", // there is no SvelteKit here
      "svelte/prefer-svelte-reactivity": "off", // collections are replaced whole, with $state.raw
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  { files: ["*.config.*", "checks/**", "tests/**"], languageOptions: { globals: { ...globals.node } } },
);
