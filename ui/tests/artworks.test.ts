/** The artworks while things happen beside them: a style is removed, an import ends, files are dropped, one of a pair is kept. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { Artwork, ImportReport, Style } from "$lib/bindings";
import { drops, type DropTarget } from "$lib/drops.svelte";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import type { ArtworksState } from "../src/screens/artworks/artworks.svelte";
import { showStyle } from "./artworks";
import { expectAccessible } from "./axe";
import { artwork, dataset, style as styleOf } from "./records";
import { refuse, studioThat } from "./studio";

const style = (id: number, name: string) => styleOf(id, name, { valid_artworks: 2 });

const report = (part: Partial<ImportReport>): ImportReport => ({
  imported: [],
  already_there: [],
  refused: [],
  tags_refused: [],
  passed_over: [],
  not_reached: 0,
  nsfw_checked: false,
  ...part,
});

/** What the studio has; tests change it. */
let there: Style[];
let library: Artwork[];
/** Imports that were asked for and have not ended. */
let imports: { style: number; paths: string[]; end: (report: ImportReport) => void }[];
let refuses: Set<string>;
/** Lists of artworks are answered after it, as they were when they were asked for. */
let listing: Promise<void>;
let asked: { command: string; arguments: unknown }[];
let end: () => void = () => undefined;
let state: ArtworksState;
/** Where files can be dropped now. */
const targets = new Set<DropTarget>();

function unless<T>(command: string, answer: () => T): T {
  return refuses.has(command) ? refuse({ code: "style_unknown", details: { style: "9" } }) : answer();
}

beforeEach(async () => {
  there = [style(1, "ink wash"), style(2, "pastel")];
  library = [artwork(11, 1), artwork(12, 1), artwork(21, 2), artwork(22, 2)];
  [imports, refuses, listing] = [[], new Set(), Promise.resolve()];
  const removed = new Map<number, Artwork>();
  ({ asked, end } = studioThat({
    style_list: () => there,
    style_report: ({ id }: { id: number }) => dataset(id),
    style_remove: ({ id }: { id: number }) => unless("style_remove", () => ((there = there.filter((one) => one.id !== id)), null)),
    style_restore: () => unless("style_restore", () => ((there = [style(1, "ink wash"), style(2, "pastel")]), there[1])),
    artwork_list: async ({ style: of }: { style: number }) => {
      const those = library.filter((one) => one.style === of).map((one) => ({ ...one }));
      await listing;
      return those;
    },
    artwork_import: ({ style: of, paths }: { style: number; paths: string[] }) =>
      new Promise((done) => imports.push({ style: of, paths, end: done })),
    artwork_remove: ({ ids }: { ids: number[] }) => {
      for (const id of ids) removed.set(id, library.find((one) => one.id === id) ?? artwork(id, 1));
      library = library.filter(({ id }) => !ids.includes(id));
      return null;
    },
    artwork_restore: ({ ids }: { ids: number[] }) =>
      unless("artwork_restore", () => ((library = [...library, ...ids.flatMap((id) => removed.get(id) ?? [])]), null)),
    artwork_turn: () => null,
    artwork_crop: () => unless("artwork_crop", () => null),
    settings_set: ({ settings }: { settings: unknown }) => settings,
    notification_show: () => null,
    tag_complete: () => [],
    model_list: () => ({ installed: [], available: [] }),
  }));
  targets.clear();
  vi.spyOn(drops, "offer").mockImplementation((target) => {
    targets.add(target);
    return () => targets.delete(target);
  });
  state = await showStyle(2, "21.png");
});

afterEach(() => {
  end();
  vi.restoreAllMocks();
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
});

const option = (id: number) => page.getByRole("option", { name: `${id}.png` });
const drop = (...paths: string[]) => [...targets].at(-1)?.take(paths);
const arrived = (...ids: number[]) => ({ imported: ids.map((id) => ({ artwork: id, path: "", tags: 0, reason: null })) });

test("removing a style shows the artworks of the one that is left", async () => {
  await page.getByRole("button", { name: "More about this style" }).click();
  await page.getByRole("menuitem", { name: "Remove this style" }).click();
  await expect.element(option(11)).toBeVisible();
  await expect.element(option(21)).not.toBeInTheDocument();
  drop("/more");
  await expect.poll(() => imports.map(({ style: of }) => of)).toEqual([1]);
});

test("what could not be brought back stays to be taken back, and nothing says that it was", async () => {
  await state.removeStyle(style(2, "pastel"));
  refuses.add("style_restore");
  await undo.undo();
  expect(toasts.shown.map(({ text }) => text)).not.toContain("Taken back: pastel removed");
  expect(styles.current?.id).toBe(1);
  refuses.clear();
  await undo.undo();
  expect(toasts.shown.map(({ text }) => text)).toContain("Taken back: pastel removed");
  await expect.element(option(21)).toBeVisible();
});

test("what an undo could not do stays to be done, whatever it was", async () => {
  await state.remove([artwork(21, 2)]);
  refuses.add("artwork_restore");
  await undo.undo();
  await expect.element(page.getByText(/Taken back/)).not.toBeInTheDocument();
  await expect.element(option(21)).not.toBeInTheDocument();
  refuses.clear();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.element(option(21)).toBeVisible();
  await expect.element(page.getByText("Taken back: 1 artwork removed")).toBeVisible();
});

test("an open crop outlives an import that ends", async () => {
  drop("/more");
  await expect.poll(() => imports.length).toBe(1);
  await option(21).dblClick();
  const frame = page.getByRole("spinbutton", { name: "Width" });
  await userEvent.fill(frame, "500");
  await userEvent.tab();
  library = [...library, artwork(23, 2)];
  imports[0]?.end(report(arrived(23)));
  await expect.poll(() => state.list?.length).toBe(3);
  await expect.element(frame).toHaveValue(500);
  expect([...state.selected]).toEqual([21]);
  // The next one that is opened begins with what is kept.
  await page.getByRole("button", { name: "Cancel" }).click();
  await option(22).dblClick();
  await expect.element(frame).toHaveValue(600);
});

test("what just came is selected, to be tagged", async () => {
  drop("/more");
  await expect.poll(() => imports.length).toBe(1);
  library = [...library, artwork(23, 2)];
  imports[0]?.end(report(arrived(23)));
  await expect.element(option(23)).toHaveAttribute("aria-selected", "true");
});

test("an import that ends leaves alone what was chosen meanwhile", async () => {
  drop("/more");
  await expect.poll(() => imports.length).toBe(1);
  await option(22).click();
  drop("/again");
  library = [...library, artwork(23, 2)];
  imports[0]?.end(report(arrived(23)));
  await expect.poll(() => imports.length).toBe(2);
  await expect.element(option(23)).toHaveAttribute("aria-selected", "false");
  expect([...state.selected]).toEqual([22]);
  const notValid = page.getByRole("button", { name: /Not valid/ });
  await notValid.click();
  imports[1]?.end(report({}));
  await expect.poll(() => state.imports.work).toBeNull();
  await expect.element(notValid).toHaveAttribute("aria-pressed", "true");
});

test("a tag that is being renamed is renamed on those it was begun with", async () => {
  library = library.map((one) => ({ ...one, tags: ["glow"] }));
  await state.reload();
  await option(22).click();
  drop("/more");
  await expect.poll(() => imports.length).toBe(1);
  await page.getByRole("button", { name: "Rename a tag" }).click();
  library = [...library, artwork(23, 2)];
  imports[0]?.end(report(arrived(23)));
  await expect.element(option(23)).toBeVisible();
  expect([...state.selected]).toEqual([22]);
  page.getByRole("listbox").element().focus();
  await userEvent.keyboard("{Escape}");
  await option(22).click();
  await expect.element(page.getByRole("button", { name: "Rename a tag" })).toBeVisible();
});

test("an import that ends leaves another style alone and reports to its own", async () => {
  drop("/more");
  await expect.poll(() => imports.length).toBe(1);
  styles.choose(1);
  await option(12).click();
  library = [...library, artwork(23, 2)];
  imports[0]?.end(report({ ...arrived(23), passed_over: ["/more/notes.txt"] }));
  await expect.element(page.getByText("1 artwork added")).toBeVisible();
  expect([...state.selected]).toEqual([12]);
  await expect.element(page.getByRole("region", { name: "Import" })).not.toBeInTheDocument();
  styles.choose(2);
  await expect.element(page.getByRole("region", { name: "Import" })).toBeVisible();
  await page.getByRole("button", { name: "Put the import report away" }).click();
  await expect.element(page.getByRole("region", { name: "Import" })).not.toBeInTheDocument();
});

test("files dropped during an import come in after it, into the style that they were dropped on", async () => {
  drop("/first");
  await expect.poll(() => imports.length).toBe(1);
  drop("/second", "/third");
  await expect.element(page.getByText("2 more files or folders come in after this import").first()).toBeVisible();
  await expectAccessible();
  styles.choose(1);
  await expect.element(option(11)).toBeVisible();
  expect(imports).toHaveLength(1);
  imports[0]?.end(report({ passed_over: ["/first/notes.txt"] }));
  await expect
    .poll(() => imports.map(({ style: of, paths }) => [of, ...paths]))
    .toEqual([
      [2, "/first"],
      [2, "/second", "/third"],
    ]);
  imports[1]?.end(report({ passed_over: ["/second/more.txt"] }));
  await expect.poll(() => state.imports.work).toBeNull();
  // What the first of them left out is not lost in the report of the second.
  styles.choose(2);
  await expect.element(page.getByText("2 other files were passed over")).toBeVisible();
});

test("who keeps one of a pair goes on with the next pair, by keyboard", async () => {
  await lookAlike();
  page.getByRole("button", { name: "Keep this one: 107.png" }).element().focus();
  await userEvent.keyboard("{Enter}");
  const next = page.getByRole("button", { name: "Keep this one: 109.png" });
  await expect.element(next).toHaveFocus();
  await expect.element(next).toBeInViewport();
  // The last one has none behind it.
  page.getByRole("button", { name: "Keep this one: 119.png" }).element().focus();
  await userEvent.keyboard("{Enter}");
  await expect.element(page.getByRole("button", { name: "Keep this one: 117.png" })).toHaveFocus();
});

test("who keeps one of a pair by pointer sees the list stay where it is", async () => {
  await lookAlike();
  const list = page.getByRole("list", { name: "Look alike" }).element();
  const button = page.getByRole("button", { name: "Keep this one: 113.png" });
  button.element().scrollIntoView({ block: "center" });
  const before = list.scrollTop;
  expect(before).toBeGreaterThan(0);
  await button.click();
  await expect.element(button).not.toBeInTheDocument();
  await expect.element(page.getByRole("button", { name: "Keep this one: 115.png" })).toHaveFocus();
  expect(Math.abs(list.scrollTop - before)).toBeLessThan(2);
});

/** Ten pairs of the style, in the view that shows them. */
async function lookAlike(): Promise<void> {
  const likeTheOneBefore = (id: number): Partial<Artwork> =>
    id % 2 === 1
      ? {}
      : {
          is_valid: false,
          validation_reason: {
            code: "artwork_near_duplicate",
            details: { file: `${id}.png`, artwork: id - 1, other_file: `${id - 1}.png` },
          },
        };
  library = Array.from({ length: 20 }, (_, place) => artwork(101 + place, 2, likeTheOneBefore(101 + place)));
  await state.reload();
  state.filter = "alike";
  await expect.element(page.getByRole("button", { name: "Keep this one: 119.png" })).toBeInTheDocument();
}

test("who presses Delete twice removes an artwork once; Backspace is Delete, too", async () => {
  await option(21).click();
  await Promise.all([state.remove(state.chosen), state.remove(state.chosen)]);
  const removals = () => asked.filter(({ command }) => command === "artwork_remove").length;
  expect(removals()).toBe(1);
  await option(22).click();
  await userEvent.keyboard("{Backspace}");
  await expect.poll(removals).toBe(2);
});

test("the artworks that were asked for last are shown, whichever answer comes first", async () => {
  let answer = (): void => undefined;
  listing = new Promise((done) => (answer = done));
  const before = state.reload();
  listing = Promise.resolve();
  library = [artwork(23, 2)];
  await state.reload();
  answer();
  await before;
  expect(state.list?.map(({ id }) => id)).toEqual([23]);
});

test("a crop that is refused stays in its editor", async () => {
  state.cropping = 21;
  const editor = page.getByRole("dialog");
  refuses.add("artwork_crop");
  await editor.getByRole("button", { name: "Keep this crop" }).click();
  await expect.poll(() => toasts.shown.length).toBe(1);
  await expect.element(editor).toBeVisible();
  refuses.clear();
  await editor.getByRole("button", { name: "Keep this crop" }).click();
  await expect.element(editor).not.toBeInTheDocument();
});

test("the newest style is the one that was made last, whatever it is called", async () => {
  there = [style(4, "a"), style(1, "ink wash"), style(2, "pastel")];
  await styles.load();
  expect(styles.newestFirst.map(({ id }) => id)).toEqual([4, 2, 1]);
});

test("letters and brackets act in the grid and beside it, and nowhere else", async () => {
  await option(21).click();
  const turns = () => asked.filter(({ command }) => command === "artwork_turn").length;
  await userEvent.keyboard("]");
  await expect.poll(turns).toBe(1);
  page.getByRole("button", { name: "Turn left" }).element().focus();
  await userEvent.keyboard("[[");
  await expect.poll(turns).toBe(2);
  page.getByRole("button", { name: "Untagged" }).element().focus();
  await userEvent.keyboard("[[]ct");
  await expect.element(page.getByRole("button", { name: "Untagged" })).toHaveFocus();
  await expect.element(page.getByRole("dialog")).not.toBeInTheDocument();
  expect(turns()).toBe(2);
});
