/** Artworks that are tagged, framed and turned: what stays in sight, what is done in turn, and what an undo takes back. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { Artwork, ArtworkTags, Crop, TagEdit } from "$lib/bindings";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import type { ArtworksState } from "../src/screens/artworks/artworks.svelte";
import { showStyle } from "./artworks";
import { artwork, dataset, style } from "./records";
import { studioThat } from "./studio";

/** What the studio has; tests change it. */
let library: Artwork[];
/** Until when the studio is at a tag. */
let written: () => Promise<void>;
/** Until when the studio looks whether a tag is one. */
let checked: () => Promise<void>;
let asked: { command: string; arguments: unknown }[];
let end: () => void = () => undefined;
let state: ArtworksState;

function edit(ids: readonly number[], change: (one: Artwork) => Partial<Artwork>): null {
  library = library.map((one) => (ids.includes(one.id) ? { ...one, ...change(one) } : one));
  return null;
}

function tagged(tags: readonly string[], { add = [], remove = [] }: TagEdit): string[] {
  return [...tags.filter((tag) => !remove.includes(tag)), ...add.filter((tag) => !tags.includes(tag))];
}

beforeEach(async () => {
  library = [artwork(21, 2), artwork(22, 2)];
  written = checked = () => Promise.resolve();
  ({ asked, end } = studioThat({
    style_list: () => [style(2, "pastel")],
    style_report: () => dataset(2),
    artwork_list: () => library.map((one) => ({ ...one })),
    artwork_turn: ({ ids, quarterTurns }: { ids: number[]; quarterTurns: number }) =>
      edit(ids, (one) => ({ quarter_turns: (one.quarter_turns + quarterTurns) % 4 })),
    artwork_crop: ({ id, crop, quarterTurns }: { id: number; crop: Crop | null; quarterTurns: number }) =>
      edit([id], () => ({ crop, quarter_turns: quarterTurns })) ?? library.find((one) => one.id === id),
    artwork_tag: async ({ ids, edit: tags }: { ids: number[]; edit: TagEdit }) => {
      await written();
      return edit(ids, (one) => ({ tags: tagged(one.tags, tags) }));
    },
    artwork_tags_set: ({ tags: sets }: { tags: ArtworkTags[] }) => {
      for (const { artwork: id, tags } of sets) edit([id], () => ({ tags }));
      return null;
    },
    settings_set: ({ settings }: { settings: unknown }) => settings,
    tag_complete: () => [],
    tag_check: async ({ text }: { text: string }) => {
      await checked();
      return text;
    },
  }));
  state = await showStyle(2, "21.png");
});

afterEach(() => {
  end();
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
});

const option = (id: number) => page.getByRole("option", { name: `${id}.png` });

test("what is being tagged stays in sight until something else is selected", async () => {
  library = [...library, artwork(23, 2)];
  await state.reload();
  await page.getByRole("button", { name: "Untagged 3" }).click();
  await option(21).click();
  await option(22).click({ modifiers: ["Control"] });
  await userEvent.keyboard("t");
  const field = page.getByRole("combobox", { name: "Tags of all 2" });
  await userEvent.keyboard("ink{Enter}");
  await expect.element(page.getByRole("button", { name: "Untagged 1" })).toBeVisible();
  await expect.element(field).toHaveFocus();
  await userEvent.keyboard("wash{Enter}");
  await expect.poll(() => state.find(22)?.tags).toEqual(["ink", "wash"]);
  await expect.element(option(21)).toHaveAttribute("aria-selected", "true");
  await expect.element(option(22)).toHaveAttribute("aria-selected", "true");
  await option(23).click();
  await expect.element(option(21)).not.toBeInTheDocument();
  await expect.element(option(22)).not.toBeInTheDocument();
});

test("what is clicked stays in sight when the tagged ones above it go", async () => {
  library = Array.from({ length: 80 }, (_, place) => artwork(101 + place, 2));
  await state.reload();
  state.show("untagged");
  state.selected = new Set(library.slice(0, 40).map(({ id }) => id));
  await state.editTags(state.chosen, { add: ["ink"] });
  const grid = page.getByRole("listbox", { name: "Artworks of pastel" });
  grid.element().scrollTop = 1_900;
  await option(150).click();
  await expect.poll(() => state.shown.length).toBe(40);
  await expect.element(option(150)).toBeInViewport();
});

test("a filter that is chosen leaves nothing selected that it does not show", async () => {
  edit([21], () => ({ tags: ["ink"] }));
  await state.reload();
  await option(21).click();
  await option(22).click({ modifiers: ["Control"] });
  await page.getByRole("button", { name: "Untagged" }).click();
  await expect.element(option(21)).not.toBeInTheDocument();
  expect([...state.selected]).toEqual([22]);
  // Those that look alike are shown in pairs, whatever is selected.
  await page.getByRole("button", { name: "Look alike" }).click();
  await expect.element(page.getByText("No two artworks look alike")).toBeVisible();
});

test("tags of no artworks leave nothing to be taken back", async () => {
  await state.turn(library, 1);
  await state.editTags([], { add: ["ink"] });
  await undo.undo();
  expect(state.list?.map(({ quarter_turns: turns }) => turns)).toEqual([0, 0]);
  expect(asked.filter(({ command }) => command === "artwork_tag")).toEqual([]);
});

test("a tag removed while another is on its way in is gone", async () => {
  edit([21], () => ({ tags: ["cat", "moon"] }));
  await state.reload();
  await option(21).click();
  let write: () => void = () => undefined;
  written = () => new Promise((done) => (write = done));
  await userEvent.keyboard("t");
  await userEvent.keyboard("ink{Enter}");
  await expect.element(page.getByRole("button", { name: /^ink, / })).toBeVisible();
  page
    .getByRole("button", { name: /^cat, / })
    .element()
    .focus();
  await userEvent.keyboard("{Delete}");
  await expect.element(page.getByRole("button", { name: /^cat, / })).not.toBeInTheDocument();
  written = () => Promise.resolve();
  write();
  await expect.poll(() => library.find(({ id }) => id === 21)?.tags).toEqual(["moon", "ink"]);
  await undo.undo();
  expect(state.find(21)?.tags).toEqual(["cat", "moon", "ink"]);
  await undo.undo();
  expect(state.find(21)?.tags).toEqual(["cat", "moon"]);
});

test("what is changed in tags that were read too early changes nothing else", async () => {
  edit([21], () => ({ tags: ["cat", "moon", "sea"] }));
  await state.reload();
  const seen = library.filter(({ id }) => id === 21);
  await Promise.all([
    state.setCommon(seen, ["cat", "moon"], ["cat", "moon", "sea"]),
    state.setCommon(seen, ["moon", "sea"], ["cat", "moon", "sea"]),
    state.setCommon(seen, ["cat", "moon", "sea", "ink"], ["cat", "moon", "sea"]),
  ]);
  expect(state.find(21)?.tags).toEqual(["moon", "ink"]);
});

test("a crop that is taken back keeps what was done to the artwork since", async () => {
  const box = { left_px: 10, top_px: 10, width_px: 300, height_px: 300 };
  const its = () => [state.find(21)?.crop, state.find(21)?.quarter_turns];
  await state.frame(artwork(21, 2), box, 1);
  await option(21).click();
  await userEvent.keyboard("]");
  await expect.poll(its).toEqual([box, 2]);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(its).toEqual([null, 1]);
  await undo.undo();
  expect(its()).toEqual([null, 0]);
  await undo.redo();
  await undo.redo();
  expect(its()).toEqual([box, 2]);
});

test("a crop that is taken back leaves a later one", async () => {
  const [box, later] = [10, 20].map((left_px) => ({ left_px, top_px: 10, width_px: 300, height_px: 300 }));
  if (!box || !later) throw new Error("two boxes");
  await state.frame(artwork(21, 2), box, 3);
  await state.frame(artwork(21, 2, { crop: box, quarter_turns: 3 }), later, 3);
  await page.getByRole("button", { name: "Undo" }).first().click();
  await expect.poll(() => [state.find(21)?.crop, state.find(21)?.quarter_turns]).toEqual([later, 0]);
});

test("a tag that is still being checked goes to those that it was typed for", async () => {
  await option(21).click();
  await userEvent.keyboard("t");
  let answer: () => void = () => undefined;
  checked = () => new Promise((ready) => (answer = ready));
  await userEvent.keyboard("ink");
  await option(22).click();
  await expect.poll(() => [...state.selected]).toEqual([22]);
  answer();
  await expect.poll(() => library.map(({ tags }) => tags)).toEqual([["ink"], []]);
});
