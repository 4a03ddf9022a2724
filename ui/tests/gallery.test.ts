/** The gallery as a person uses it, before a studio that only answers: what was removed, what is signed, what is dragged out. */
import { afterEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Card, GalleryFilter, GenerationDetail } from "$lib/bindings";
import { toasts } from "$lib/toasts.svelte";
import { expectAccessible } from "./axe";
import GalleryOf from "./GalleryOf.svelte";
import { studioThat } from "./studio";

const card = (id: number): Card => ({
  id,
  width: 128,
  height: 128,
  rating: 0,
  styles: [],
  created_at: "2026-11-23T00:00:00Z",
  seed: "1",
  prompt: `prompt ${id}`,
});

const detail = (id: number): GenerationDetail => ({
  ...card(id),
  job: 1,
  negative_prompt: "",
  tags: [],
  negative: [],
  aspect: "1:1",
  steps: 20,
  guidance: 7,
  sampler: "ddim",
  model: "starter",
  architecture: "sd15-small",
  styles: [{ style: 1, name: "ink", strength: 1, layers_matched: 264, layers: 264, base_model_matches: false }],
  signed: true,
  bytes: 1,
  path: `/${id}.png`,
});

let end: () => void = () => undefined;
afterEach(() => {
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
  end();
});

/** A studio with pictures 1 to 3, of which `removed` are away. */
function studio(removed: Set<number>, signatures = { signed: 0, imported: 0 }) {
  const started = studioThat({
    gallery_find: ({ filter }: { filter: GalleryFilter }) => [3, 2, 1].filter((id) => removed.has(id) === filter.removed),
    gallery_cards: ({ ids }: { ids: number[] }) => ids.map(card),
    generation_show: ({ id }: { id: number }) => detail(id),
    generation_restore: ({ ids }: { ids: number[] }) => (ids.forEach((id) => removed.delete(id)), null),
    generation_remove: ({ ids }: { ids: number[] }) => (ids.forEach((id) => removed.add(id)), null),
    generation_drag: () => null,
    generation_signatures: () => signatures,
    signature_get: () => ({ artist: "Iris", image: true, corner: "top-left", width: 0.2, opacity: 1 }),
  });
  end = started.end;
  return started.asked;
}

const asked = (all: { command: string; arguments: unknown }[], command: string) =>
  all.filter((one) => one.command === command).map((one) => one.arguments);

test("what was removed is found again and comes back", async () => {
  const removed = new Set([2]);
  studio(removed);
  await render(GalleryOf);
  await expect.element(page.getByRole("option")).toHaveLength(2);
  await page.getByRole("button", { name: "Recently removed" }).click();
  await expect.element(page.getByRole("heading", { name: "Recently removed" })).toBeVisible();
  await page.getByRole("option", { name: "prompt 2" }).click();
  await expect.element(page.getByRole("button", { name: "Remove", exact: true })).not.toBeInTheDocument();
  await expectAccessible();
  await page.getByRole("button", { name: "Restore" }).click();
  await expect.element(page.getByText("Nothing was removed lately")).toBeVisible();
  expect(removed).toEqual(new Set());
  await page.getByRole("button", { name: "Back to the gallery" }).first().click();
  await expect.element(page.getByRole("option")).toHaveLength(3);
});

test("all that is chosen is dragged out with the one under the pointer; another one goes alone", async () => {
  const all = studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await page.getByRole("option", { name: "prompt 1" }).click({ modifiers: ["Control"] });
  const pull = (name: string) =>
    page
      .getByRole("option", { name })
      .element()
      .querySelector("[draggable=true]")
      ?.dispatchEvent(new DragEvent("dragstart", { bubbles: true, cancelable: true }));
  pull("prompt 1");
  pull("prompt 2");
  await expect.poll(() => asked(all, "generation_drag")).toEqual([{ ids: [3, 1] }, { ids: [2] }]);
});

test("a picture that is signed already says so and cannot be signed again", async () => {
  studio(new Set(), { signed: 1, imported: 0 });
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await page.getByRole("button", { name: "Export" }).click();
  const mine = page.getByRole("switch", { name: "With my signature" });
  await expect.element(mine).toBeDisabled();
  await expect.element(mine).toBeChecked();
  await expect.element(page.getByText("It is signed already")).toBeVisible();
  await expectAccessible();
});

test("what another artist's style made is not signed unasked", async () => {
  studio(new Set(), { signed: 0, imported: 1 });
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await page.getByRole("button", { name: "Export" }).click();
  await expect.element(page.getByText("1 was made with another artist’s style.")).toBeVisible();
  await expect.element(page.getByRole("switch", { name: "With my signature" })).not.toBeChecked();
});

test("a style whose layers all fit another base model is said to be so", async () => {
  studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).dblClick();
  await expect.element(page.getByText("264 of 264 layers, made for another base model")).toBeVisible();
  await userEvent.keyboard("{Escape}");
});
