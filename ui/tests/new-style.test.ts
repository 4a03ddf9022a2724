/** Naming a style for files that were dropped before there was one. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { InstalledModel, Style } from "$lib/bindings";
import { drops, type DropTarget } from "$lib/drops.svelte";
import { styles } from "$lib/styles.svelte";
import { ArtworksState } from "../src/screens/artworks/artworks.svelte";
import ArtworksOf from "./ArtworksOf.svelte";
import { style } from "./records";
import { studioThat } from "./studio";

const starter: InstalledModel = {
  id: "starter",
  architecture: "sd15-small",
  native_size_px: 256,
  bytes: 1,
  license: null,
  owned: true,
  published: true,
  fits: { train: true, generate: true, train_mb: 1, generate_mb: 1, available_mb: 1 },
};
/** What the studio has. */
let there: Style[];
/** Imports that were asked for; none of them ends. */
let imports: string[][];
let end: () => void = () => undefined;
/** Where files can be dropped now. */
const targets = new Set<DropTarget>();

beforeEach(async () => {
  [there, imports] = [[], []];
  ({ end } = studioThat({
    style_list: () => there,
    style_removed: () => [],
    style_create: ({ name }: { name: string }) => {
      const made = style(there.length + 1, name);
      there = [...there, made];
      return made;
    },
    style_report: () => ({ near_duplicates: [], artworks: [], tags: [] }),
    artwork_list: () => [],
    artwork_import: ({ paths }: { paths: string[] }) => new Promise(() => imports.push(paths)),
    settings_set: ({ settings }: { settings: unknown }) => settings,
    model_list: () => ({ installed: [starter], available: [] }),
  }));
  targets.clear();
  vi.spyOn(drops, "offer").mockImplementation((target) => {
    targets.add(target);
    return () => targets.delete(target);
  });
  await styles.load();
  await render(ArtworksOf, { state: new ArtworksState() });
  await expect.element(newStyle()).toBeVisible();
});

afterEach(() => {
  end();
  vi.restoreAllMocks();
});

const drop = (...paths: string[]) => [...targets].at(-1)?.take(paths);
const newStyle = () => page.getByRole("button", { name: "New style" });
const name = () => page.getByRole("textbox", { name: "Name" });
const make = () => page.getByRole("button", { name: "Create style" });

test("files whose new style is cancelled wait for no other", async () => {
  drop("/10_Old Folder");
  await expect.element(name()).toHaveValue("old folder");
  await page.getByRole("button", { name: "Cancel" }).click();
  await newStyle().click();
  await expect.element(name()).toHaveValue("");
  await name().fill("by hand");
  await make().click();
  await expect.poll(() => styles.current?.name).toBe("by hand");
  await expect.element(name()).not.toBeInTheDocument();
  expect(imports).toEqual([]);
});

test("another style can be made while the files of the first come in", async () => {
  drop("/folder");
  await make().click();
  await expect.poll(() => imports).toEqual([["/folder"]]);
  await newStyle().click();
  await name().fill("second");
  await make().click();
  await expect.poll(() => styles.current?.name).toBe("second");
});
