/** A training that is cancelled can be taken back, once it has ended. */
import { expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Job, JobStatus } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import Toaster from "$lib/Toaster.svelte";

const asked: string[] = [];
let tell = (job: Job): void => expect.unreachable(`nobody listens to job ${job.id}`);

/** Listeners of the page by their numbers, and what each listens to, as Tauri's own script keeps them. */
const listeners: ((event: { payload: unknown }) => void)[] = [];

/** Answers every command with nothing, and remembers which was asked with which job. */
const internals = {
  transformCallback: (listener: (typeof listeners)[number]) => listeners.push(listener) - 1,
  invoke: (command: string, parameters: { id?: number; event?: string; handler?: number }) => {
    if (parameters.event === "job-changed") tell = (job) => listeners[parameters.handler ?? 0]?.({ payload: { job } });
    else if (parameters.id !== undefined) asked.push(`${command} ${parameters.id}`);
    return Promise.resolve(command === "job_list" ? [] : null);
  },
};
vi.stubGlobal("__TAURI_INTERNALS__", internals);

const job = (kind: Job["kind"], status: JobStatus): Job => ({
  id: kind === "train" ? 7 : 8,
  kind,
  status,
  style: null,
  title: "inkwell",
  pictures: 0,
  finished: 0,
  phase: null,
  step: 0,
  steps: 0,
  seconds_left: null,
  failure: null,
  settings: null,
  created_at: "2026-11-23T00:00:00Z",
});

test("a cancelled training offers the way back when it has ended, and pictures do not", async () => {
  await render(Toaster);
  await jobs.start();
  const undo = page.getByRole("button", { name: "Undo" });
  for (const kind of ["generate", "train"] as const) {
    tell(job(kind, "running"));
    await jobs.cancel(job(kind, "running").id);
    await expect.element(undo).not.toBeInTheDocument();
    tell(job(kind, "cancelled"));
  }
  await undo.click();
  await expect.poll(() => asked).toEqual(["job_cancel 8", "job_cancel 7", "training_restore 7"]);
});
