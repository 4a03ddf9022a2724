/** The gallery as a person uses it, before a studio that only answers: what was removed, what is signed, what is dragged out. */
import { afterEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { events, type GalleryFilter, type GenerationDetail } from "$lib/bindings";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { expectAccessible } from "./axe";
import GalleryOf from "./GalleryOf.svelte";
import { card, detail as detailOf } from "./records";
import { refuse, studioThat, visit } from "./studio";

const detail = (id: number): GenerationDetail =>
  detailOf(id, {
    styles: [{ style: 1, name: "ink", strength: 1, layers_matched: 264, layers: 264, base_model_matches: false }],
    signed: true,
  });

let end: () => void = () => undefined;
afterEach(async () => {
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
  ratings.clear();
  await visit("");
  end();
});

const ratings = new Map<number, number>();
const rated = <Picture extends { id: number }>(picture: Picture) => ({ ...picture, rating: ratings.get(picture.id) ?? 0 });
/** As the core tells that another screen did something. */
const changed = () => events.libraryChanged.emit({ what: "generations", style: null });

/** A studio with pictures 1 to 3, of which `removed` are away. */
function studio(removed: Set<number>, signatures = { signed: 0, imported: 0 }) {
  const started = studioThat({
    gallery_find: ({ filter }: { filter: GalleryFilter }) =>
      [3, 2, 1].filter((id) => removed.has(id) === filter.removed && `prompt ${id}`.includes(filter.text ?? "")),
    gallery_cards: ({ ids }: { ids: number[] }) => ids.map((id) => rated(card(id))),
    generation_show: ({ id }: { id: number }) => rated(detail(id)),
    generation_rate: ({ ids, rating }: { ids: number[]; rating: number }) => (ids.forEach((id) => ratings.set(id, rating)), null),
    generation_export: () => ["/out/1.png"],
    folder_open: () => refuse({ code: "path_missing", details: { path: "/out" } }),
    settings_set: ({ settings }: { settings: unknown }) => settings,
    notification_show: () => null,
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
  await expect.element(page.getByText("264 of 264 layers · made for another base model")).toBeVisible();
  await userEvent.keyboard("{Escape}");
});

test("a clicked star leaves the arrows to the pictures, and Delete works from one", async () => {
  const opened = page.getByRole("dialog");
  const removed = new Set<number>();
  const all = studio(removed);
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).dblClick();
  await opened.getByRole("radio", { name: "4 stars" }).click();
  await userEvent.keyboard("{ArrowRight}");
  await expect.element(page.getByRole("dialog", { name: "prompt 2" })).toBeVisible();
  expect(asked(all, "generation_rate")).toEqual([{ ids: [3], rating: 4 }]);
  opened.getByRole("radio", { name: "1 star", exact: true }).element().focus();
  await userEvent.keyboard("{Delete}");
  await expect.poll(() => removed).toEqual(new Set([2]));
  await userEvent.keyboard("{Escape}");
});

test("pressing beside everything leaves the keyboard with the opened picture", async () => {
  studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).dblClick();
  await page.getByRole("dialog").getByRole("heading", { name: "prompt 3" }).click();
  await userEvent.keyboard("{ArrowRight}");
  await expect.element(page.getByRole("dialog", { name: "prompt 2" })).toBeVisible();
  await userEvent.keyboard("{Escape}");
});

const stars = (id: number) =>
  page
    .getByRole("option", { name: `prompt ${id}` })
    .element()
    .querySelectorAll("svg.fill-current").length;

test("what another screen removes, restores and rates is so here, and what is chosen stays chosen", async () => {
  const removed = new Set<number>();
  const all = studio(removed);
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await page.getByRole("option", { name: "prompt 1" }).click({ modifiers: ["Control"] });
  removed.add(2);
  ratings.set(1, 4);
  const before = asked(all, "gallery_find").length;
  // As while a key is held down.
  for (let stroke = 0; stroke < 20; stroke++) await changed();
  await expect.element(page.getByRole("option")).toHaveLength(2);
  await expect.poll(() => stars(1)).toBe(4);
  await expect.element(page.getByText("2 chosen")).toBeVisible();
  expect(asked(all, "gallery_find").length - before).toBe(1);
  removed.delete(2);
  await changed();
  await expect.element(page.getByRole("option")).toHaveLength(3);
});

test("an undone rating brings back what the studio had, and leaves alone what was rated again since", async () => {
  studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await expect.poll(() => stars(3)).toBe(0);
  // Rated elsewhere, and not heard of yet.
  ratings.set(3, 5);
  await userEvent.keyboard("2");
  await expect.poll(() => ratings.get(3)).toBe(2);
  await undo.undo();
  expect(ratings.get(3)).toBe(5);
  await expect.poll(() => stars(3)).toBe(5);
  await undo.redo();
  expect(ratings.get(3)).toBe(2);
  ratings.set(3, 4);
  await undo.undo();
  expect(ratings.get(3)).toBe(4);
});

test("a rating that changes nothing is no step to take back", async () => {
  const all = studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 2" }).click();
  await userEvent.keyboard("33333");
  await expect.poll(() => asked(all, "gallery_cards").filter((given) => JSON.stringify(given) === '{"ids":[2]}')).toHaveLength(5);
  expect(asked(all, "generation_rate")).toEqual([{ ids: [2], rating: 3 }]);
});

test("a picture that is handed over is shown although the search leaves it out", async () => {
  studio(new Set([1]));
  await render(GalleryOf);
  await page.getByRole("button", { name: "Recently removed" }).click();
  await expect.element(page.getByRole("option", { name: "prompt 1" })).toBeVisible();
  await page.getByRole("searchbox").fill("prompt 1");
  await visit("#/gallery?show=3");
  await expect.element(page.getByRole("dialog", { name: "prompt 3" })).toBeVisible();
  await expect.element(page.getByText("1 of 2")).toBeVisible();
  await expect.element(page.getByRole("button", { name: "Restore" })).not.toBeInTheDocument();
  await userEvent.keyboard("{ArrowRight}");
  await expect.element(page.getByRole("dialog", { name: "prompt 2" })).toBeVisible();
  // It is taken over once.
  expect(location.hash).toBe("#/gallery");
  await userEvent.keyboard("{Escape}");
});

test("a picture that is gone is handed over in vain, and says so", async () => {
  studio(new Set([2]));
  await render(GalleryOf);
  await expect.element(page.getByRole("option")).toHaveLength(2);
  await visit("#/gallery?show=2");
  await expect.poll(() => toasts.shown.map(({ text }) => text)).toEqual(["There is no generation 2. It may belong to another library."]);
  await expect.element(page.getByRole("dialog")).not.toBeInTheDocument();
});

test("the look at one picture goes on to its neighbour, removes none twice, and ends with the last", async () => {
  const removed = new Set<number>();
  const all = studio(removed);
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 2" }).dblClick();
  await expect.element(page.getByRole("dialog", { name: "prompt 2" })).toBeVisible();
  const away = page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).element();
  // Twice before the first one is answered.
  away.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  away.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await expect.element(page.getByRole("dialog", { name: "prompt 1" })).toBeVisible();
  expect(asked(all, "generation_remove")).toEqual([{ ids: [2] }]);
  // Another screen removes the rest.
  removed.add(1);
  await changed();
  await expect.element(page.getByRole("dialog", { name: "prompt 3" })).toBeVisible();
  removed.add(3);
  await changed();
  await expect.element(page.getByRole("dialog")).not.toBeInTheDocument();
  await expect.element(page.getByText("Everything you make is kept here")).toBeVisible();
});

test("a folder that cannot be shown after an export is said", async () => {
  studio(new Set());
  await render(GalleryOf);
  await page.getByRole("option", { name: "prompt 3" }).click();
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("textbox", { name: "Folder" }).fill("/out");
  await page.getByRole("dialog").getByRole("button", { name: "Export" }).click();
  await expect.poll(() => toasts.shown.length).toBe(1);
  toasts.shown[0]?.action?.run();
  await expect.poll(() => toasts.shown.map(({ text }) => text).join()).toContain("/out does not exist");
});
