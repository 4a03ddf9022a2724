/** Removed styles are listed with what comes back, and a refusal leaves the list open. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { RemovedStyle } from "$lib/bindings";
import { expectAccessible } from "./axe";
import LookingBack from "./LookingBack.svelte";
import { refuse, studioThat } from "./studio";

let end: () => void = () => undefined;
afterEach(() => end());

const removed: RemovedStyle[] = [
  { id: 7, name: "ink wash", base_model: "starter", artworks: 24, is_trained: true, removed_at: "2026-11-20T10:00:00.000Z" },
  { id: 3, name: "old pastel", base_model: "starter", artworks: 1, is_trained: false, removed_at: "2026-11-02T10:00:00.000Z" },
];

test("a removed style comes back and the list closes", async () => {
  const { asked, end: over } = studioThat({
    style_removed: () => removed,
    style_restore: () => ({ ...removed[0] }),
    style_list: () => [],
    settings_set: ({ settings }: { settings: unknown }) => settings,
  });
  end = over;
  await render(LookingBack);
  await expect.element(page.getByText("24 artworks · trained")).toBeVisible();
  await expect.element(page.getByText("1 artwork · not trained yet")).toBeVisible();
  await expectAccessible();
  await page.getByRole("button", { name: "Bring back ink wash" }).click();
  await expect.poll(() => asked).toContainEqual({ command: "style_restore", arguments: { id: 7 } });
  await expect.element(page.getByRole("dialog")).not.toBeInTheDocument();
});

test("one that cannot come back is said, and what is left is read again", async () => {
  let reads = 0;
  const { end: over } = studioThat({
    style_removed: () => (reads++ === 0 ? removed : [removed[1]]),
    style_restore: () => refuse({ code: "style_unknown", details: { style: "7" } }),
    style_list: () => [],
  });
  end = over;
  await render(LookingBack);
  await page.getByRole("button", { name: "Bring back ink wash" }).click();
  await expect.element(page.getByText("ink wash")).not.toBeInTheDocument();
  await expect.element(page.getByRole("button", { name: "Bring back old pastel" })).toBeVisible();
});
