/**
 * Builds the programs that a package holds beside the window, in the window's own profile, and lays them where the bundler takes them.
 * With `--built` it takes those that were built already. On a Mac with Apple's graphics a worker for these comes with them; it is built where
 * releases are made, and no machine of the tests can run it.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const house = join(dirname(fileURLToPath(import.meta.url)), "../..");
const profile = process.env.TAURI_ENV_DEBUG === "true" ? "dev" : "release";
const suffix = process.platform === "win32" ? ".exe" : "";
const built = join(house, "target", profile === "dev" ? "debug" : profile);
const staged = join(house, "target/bundle");

const cargo = (...build) => {
  const environment = { ...process.env, SQLX_OFFLINE: "true" };
  execFileSync("cargo", ["build", "--locked", "--profile", profile, ...build], { cwd: house, stdio: "inherit", env: environment });
};

mkdirSync(staged, { recursive: true });
if (!process.argv.includes("--built")) {
  cargo("-p", "atelier-worker", "-p", "atelier-cli");
  if (process.platform === "darwin" && process.arch === "arm64") {
    // In a folder of its own: what is built with other features would take the place of the processor's worker.
    const apart = join(house, "target/metal");
    cargo("-p", "atelier-worker", "--features", "metal", "--target-dir", apart);
    copyFileSync(join(apart, basename(built), "atelier-worker"), join(staged, "atelier-worker-metal"));
  }
}
for (const program of ["atelier-worker", "atelier"]) {
  copyFileSync(join(built, program + suffix), join(staged, program + suffix));
}
