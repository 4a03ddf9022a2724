/** The queue: reordered by keys and by hand, cancelled, and never without a place for the keyboard. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Job } from "$lib/bindings";
import { beforeAt, placeAt } from "../src/screens/generate/queue";
import QueueList from "../src/screens/generate/QueueList.svelte";
import { expectAccessible } from "./axe";

const job = (id: number, title: string): Job => ({
  id,
  kind: "generate",
  status: "queued",
  style: null,
  title,
  pictures: 4,
  finished: 0,
  phase: null,
  step: 0,
  steps: 0,
  seconds_left: null,
  failure: null,
  settings: null,
  created_at: "2026-11-23T00:00:00Z",
});
const jobs = [job(1, "cat"), job(2, "boat"), job(3, "tent")];
const handle = (name: string) => page.getByRole("button", { name: new RegExp(`^${name}, \\d of 3$`) });

test("Alt with an arrow moves a job; at the ends it stays", async () => {
  const onmove = vi.fn();
  await render(QueueList, { jobs, onmove, oncancel: vi.fn() });
  await userEvent.keyboard("{Tab}{Alt>}{ArrowUp}{/Alt}");
  expect(onmove).not.toHaveBeenCalled();
  await userEvent.keyboard("{Alt>}{ArrowDown}{/Alt}");
  expect(onmove).toHaveBeenLastCalledWith(1, 3);
  await userEvent.keyboard("{ArrowDown}{Alt>}{ArrowDown}{/Alt}");
  expect(onmove).toHaveBeenLastCalledWith(2, null);
  await expectAccessible();
});

test("a job is dragged by its handle to the end and to the front", async () => {
  const onmove = vi.fn();
  await render(QueueList, { jobs, onmove, oncancel: vi.fn() });
  await handle("cat").dropTo(handle("tent"), { targetPosition: { x: 5, y: 26 } });
  expect(onmove).toHaveBeenLastCalledWith(1, null);
  await handle("tent").dropTo(handle("cat"), { targetPosition: { x: 5, y: 2 } });
  expect(onmove).toHaveBeenLastCalledWith(3, 1);
});

test("cancelling leaves the keyboard on the next job", async () => {
  const oncancel = vi.fn();
  const screen = await render(QueueList, { jobs, onmove: vi.fn(), oncancel });
  // The row leaves later, when the studio tells of it.
  oncancel.mockImplementation((id: number) =>
    setTimeout(() => void screen.rerender({ jobs: jobs.filter((other) => other.id !== id) }), 50),
  );
  await page.getByRole("button", { name: "Cancel boat" }).click();
  expect(oncancel).toHaveBeenCalledExactlyOnceWith(2);
  await expect.element(page.getByRole("button", { name: "tent, 2 of 2" })).toHaveFocus();
});

test("a place in the queue is the job that comes after it", () => {
  expect([0, 1, 2].map((to) => beforeAt([1, 2, 3], 2, to))).toEqual([1, 3, null]);
  expect([5, 25, 99].map((y) => placeAt([10, 30], y))).toEqual([0, 1, 2]);
});
