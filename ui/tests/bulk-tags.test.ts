/** Tagging several artworks at once: what all have, what some have, order and names. */
import { beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Artwork, TagEdit } from "$lib/bindings";
import { shortcuts } from "$lib/shortcuts.svelte";
import BulkTags from "../src/screens/artworks/BulkTags.svelte";
import { editTowards, rebased, reordered, sharedTags } from "../src/screens/artworks/tagging";
import { expectAccessible } from "./axe";

const artwork = (id: number, tags: string[]): Artwork => ({
  id,
  style: 1,
  path: "",
  file_name: `${id}.png`,
  width_px: 512,
  height_px: 512,
  crop: null,
  quarter_turns: 0,
  is_valid: true,
  validation_reason: null,
  tags,
  created_at: "2026-01-01T00:00:00Z",
});

const artworks = [artwork(1, ["cat", "moon", "sea"]), artwork(2, ["moon", "cat"]), artwork(3, ["cat", "boat", "moon", "sea"])];
const onwanted = vi.fn<(tagged: readonly Artwork[], common: string[], seen: string[]) => Promise<void>>(async () => undefined);
const onedit = vi.fn<(edit: TagEdit) => Promise<void>>(async () => undefined);

beforeEach(async () => {
  onwanted.mockClear();
  onedit.mockClear();
  await render(BulkTags, { artworks, name: "ink wash", onwanted, onedit });
});

test("common tags are parted from those that only some have", async () => {
  await expect.element(page.getByText("Tags of all 3")).toBeVisible();
  await expect.element(page.getByRole("button", { name: /^cat, 2 of 3/ })).toBeVisible();
  await expect.element(page.getByRole("button", { name: "Give sea to all" })).toBeVisible();
  await expectAccessible();
});

test("T leads to the tags, and common ones are removed and moved by keyboard without touching the style's name", async () => {
  const place = page.getByRole("region", { name: "Tags" }).element();
  // As the inspector marks it.
  place.setAttribute("data-keys", "artworks");
  window.addEventListener("keydown", (event) => shortcuts.handle(event), { once: true });
  place.dispatchEvent(new KeyboardEvent("keydown", { key: "t", bubbles: true }));
  await expect.element(page.getByRole("combobox")).toHaveFocus();
  await userEvent.keyboard("{Backspace}{Delete}");
  await expect.poll(() => onwanted.mock.lastCall).toEqual([artworks, ["cat"], ["cat", "moon"]]);
});

test("what some have is given to all or taken from those", async () => {
  await userEvent.click(page.getByRole("button", { name: "Give sea to all" }));
  expect(onedit.mock.lastCall?.[0]).toEqual({ add: ["sea"] });
  await userEvent.click(page.getByRole("button", { name: "Remove boat" }));
  expect(onedit.mock.lastCall?.[0]).toEqual({ remove: ["boat"] });
});

test("the keyboard goes into the form for another name and back to its button", async () => {
  const opener = page.getByRole("button", { name: "Rename a tag" });
  opener.element().focus();
  await userEvent.keyboard("{Enter}");
  const form = page.getByRole("textbox").element().closest("form");
  await expect.poll(() => form?.contains(document.activeElement)).toBe(true);
  page.getByRole("button", { name: "Cancel" }).element().focus();
  await userEvent.keyboard("{Enter}");
  await expect.element(opener).toHaveFocus();
});

test("the edit towards wanted tags is the smallest one", () => {
  expect(sharedTags(artworks)).toEqual({
    common: ["cat", "moon"],
    some: [
      { tag: "sea", count: 2 },
      { tag: "boat", count: 1 },
    ],
  });
  expect(editTowards(artworks, ["cat", "moon", "ink"])).toEqual({ add: ["ink"] });
  expect(editTowards(artworks, ["moon"])).toEqual({ remove: ["cat"] });
  expect(editTowards(artworks, ["moon", "sea"])).toEqual([
    { artwork: 1, tags: ["moon", "sea"] },
    { artwork: 2, tags: ["moon", "sea"] },
    { artwork: 3, tags: ["boat", "moon", "sea"] },
  ]);
  expect(editTowards(artworks, ["cat", "moon"])).toBeNull();
  expect(editTowards(artworks.slice(1), ["cat", "moon"])).toEqual([
    { artwork: 2, tags: ["cat", "moon"] },
    { artwork: 3, tags: ["cat", "boat", "moon", "sea"] },
  ]);
  expect(reordered(["cat", "boat", "moon", "sea"], ["moon", "cat"])).toEqual(["moon", "boat", "cat", "sea"]);
});

test("what was changed in tags that were seen is changed in those of now, and nothing else", () => {
  expect(rebased(["cat", "ink"], ["cat"], ["cat", "moon"])).toEqual(["cat", "ink", "moon"]);
  expect(rebased(["cat"], ["cat", "ink"], ["cat", "ink", "moon"])).toEqual(["cat", "moon"]);
  expect(rebased(["cat", "ink"], ["cat"], [])).toEqual(["ink"]);
  expect(rebased(["cat", "moon", "ink"], ["cat", "moon"], ["moon", "cat"])).toEqual(["moon", "cat", "ink"]);
});
