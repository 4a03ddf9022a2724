/** The report of an import: everything is counted, not everything is listed, and the work itself can be ended. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { events, type ImportReport as Report } from "$lib/bindings";
import { Work } from "$lib/work.svelte";
import WorkBar from "$lib/WorkBar.svelte";
import ImportReport from "../src/screens/artworks/ImportReport.svelte";
import { expectAccessible } from "./axe";
import { studioThat } from "./studio";

let end: () => void = () => undefined;
afterEach(() => end());

test("a hundred thousand other files are counted, and fifty of them named", async () => {
  const report: Report = {
    imported: [],
    already_there: [],
    refused: [],
    tags_refused: [],
    passed_over: Array.from({ length: 100_000 }, (_, number) => `/photos/${number}.raw`),
    not_reached: 12,
    nsfw_checked: false,
  };
  await render(ImportReport, { report, ondismiss: () => undefined });
  expect(page.getByRole("listitem").elements()).toHaveLength(51);
  await expect.element(page.getByText("and 99,950 more")).toBeVisible();
  await expect.element(page.getByText("ended before 12 files")).toBeVisible();
  await expectAccessible();
});

test("long work says how far it is and is ended by its number", async () => {
  const { asked, end: over } = studioThat({ work_cancel: () => null });
  end = over;
  const work = new Work();
  let finish: () => void = () => undefined;
  const running = work.run(() => new Promise<void>((done) => (finish = done)));
  await render(WorkBar, {
    work,
    label: "Looking at every picture…",
    amount: ({ done, total }: { done: number; total: number }) => `${done} of ${total}`,
  });
  await events.workProgressed.emit({ work: work.number + 1, done: 9, total: 9 });
  await events.workProgressed.emit({ work: work.number, done: 1, total: 4 });
  await expect.element(page.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "25");
  await expect.element(page.getByText("1 of 4")).toBeVisible();
  await expectAccessible();
  await page.getByRole("button", { name: "Cancel: Looking at every picture…" }).click();
  expect(asked).toContainEqual({ command: "work_cancel", arguments: { work: work.number } });
  await expect.element(page.getByText("Ending…")).toBeVisible();
  finish();
  await running;
});
