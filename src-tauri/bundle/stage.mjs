/**
 * Builds the programs that a package holds beside the window, in the window's own profile, and lays them where the bundler takes them.
 * With `--built` it takes those that were built already.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const house = join(dirname(fileURLToPath(import.meta.url)), "../..");
const profile = process.env.TAURI_ENV_DEBUG === "true" ? "dev" : "release";
const suffix = process.platform === "win32" ? ".exe" : "";
const built = join(house, "target", profile === "dev" ? "debug" : profile);
const staged = join(house, "target/bundle");

if (!process.argv.includes("--built")) {
  const build = ["build", "--locked", "--profile", profile, "-p", "atelier-worker", "-p", "atelier-cli"];
  execFileSync("cargo", build, { cwd: house, stdio: "inherit", env: { ...process.env, SQLX_OFFLINE: "true" } });
}
mkdirSync(staged, { recursive: true });
for (const program of ["atelier-worker", "atelier"]) {
  copyFileSync(join(built, program + suffix), join(staged, program + suffix));
}
