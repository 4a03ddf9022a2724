/** Keeps the page small: the build fails when all that it ships, compressed, is more than `bytesMax`. */
import { gzipSync } from "node:zlib";
import type { Plugin } from "vite";

export function budget(bytesMax: number): Plugin {
  return {
    name: "budget",
    apply: "build",
    generateBundle(_, bundle) {
      const sizes = Object.values(bundle).map((file) => gzipSync(file.type === "chunk" ? file.code : file.source).length);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      if (bytes > bytesMax) this.error(`the page has ${bytes} bytes compressed; ${bytesMax} are the most`);
    },
  };
}
