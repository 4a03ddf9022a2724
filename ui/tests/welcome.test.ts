/** The first picture: painted once, and again when it came to nothing. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { events, type Job } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import { expectAccessible } from "./axe";
import { refuse, studioThat } from "./studio";
import WelcomeOf from "./WelcomeOf.svelte";

let end: () => void = () => undefined;
afterEach(() => {
  jobs.list = [];
  end();
});

const job = (id: number, part: Partial<Job>): Job => ({
  id,
  kind: "generate",
  status: "running",
  style: null,
  title: "cat",
  pictures: 1,
  finished: 0,
  phase: "denoising",
  step: 5,
  steps: 20,
  seconds_left: null,
  failure: null,
  settings: null,
  created_at: "2026-11-23T00:00:00Z",
  ...part,
});

/** Welcome after a sample was opened; the orders get the ids 1, 2 and so on. */
async function opened() {
  let placed = 0;
  const started = studioThat({
    sample_list: () => [{ id: "iris", name: "Iris", artworks: 24 }],
    model_list: () => ({ installed: [], available: [] }),
    machine_report: () => refuse({ code: "cancelled", details: {} }),
    sample_open: () => ({ id: 1, name: "iris" }),
    style_list: () => [],
    settings_set: ({ settings }: { settings: unknown }) => settings,
    generation_place: () => ++placed,
  });
  end = started.end;
  await render(WelcomeOf);
  await page.getByRole("button", { name: "Open Iris" }).click();
  await expect.poll(() => placed).toBe(1);
  return { placed: () => placed };
}

const bar = page.getByRole("progressbar");
const again = page.getByRole("button", { name: "Paint it again" });

test("a first picture that was cancelled is no longer painted, and can be painted again", async () => {
  const { placed } = await opened();
  jobs.list = [job(1, {})];
  await expect.element(bar).toBeVisible();
  await expect.element(again).not.toBeInTheDocument();
  // Another sample orders no second one meanwhile.
  await page.getByRole("button", { name: "Open Iris" }).click();
  jobs.list = [job(1, { status: "cancelled" })];
  await expect.element(bar).not.toBeInTheDocument();
  await expectAccessible();
  expect(placed()).toBe(1);
  await again.click();
  await expect.poll(placed).toBe(2);
  jobs.list = [job(1, { status: "cancelled" }), job(2, {})];
  await expect.element(bar).toBeVisible();
  await events.generationFinished.emit({ job: 2, generation: 9 });
  await expect.element(page.getByText("That is your first picture")).toBeVisible();
  await expect.element(bar).not.toBeInTheDocument();
});

test("one that failed says why, and the next sample paints it", async () => {
  const { placed } = await opened();
  jobs.list = [job(1, { status: "failed", failure: { code: "out_of_memory", details: { needed_mb: null, available_mb: null } } })];
  await expect.element(page.getByText("The device ran out of memory.", { exact: false })).toBeVisible();
  await expect.element(again).toBeVisible();
  await page.getByRole("button", { name: "Open Iris" }).click();
  await expect.poll(placed).toBe(2);
  await expect.element(again).not.toBeInTheDocument();
});
