/** Settings lists every shortcut: what the table says is what the house and the screens register. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { speak } from "$lib/i18n.svelte";
import { SHORTCUTS } from "$lib/shortcut-table";
import { shortcuts } from "$lib/shortcuts.svelte";
import { registerHouseShortcuts } from "../src/app/shortcuts";
import Keys from "../src/screens/settings/Keys.svelte";
import { expectAccessible } from "./axe";

const sources = import.meta.glob<string>("../src/screens/**/*.svelte", { query: "?raw", import: "default", eager: true });

afterEach(() => speak("en"));

/** Keys, what they do and where, as the screens register them. */
const registered = Object.entries(sources).flatMap(([file, source]) =>
  [...source.matchAll(/shortcuts\.register\(\{\s*keys: "([^"]+)",\s*label: "([^"]+)",(\s*place: ")?/g)].map(
    ([, keys = "", label = "", place]) => ({ screen: file.split("/")[3] ?? "", keys, label, placed: place !== undefined }),
  ),
);

test("every shortcut that a screen registers stands in the table under that screen", () => {
  expect(registered.length).toBeGreaterThan(7);
  for (const { screen, keys, label } of registered) {
    const group = SHORTCUTS.find(({ title }) => title === `app.screen.${screen}`);
    expect(group?.shortcuts, `${screen} ${keys}`).toContainEqual({ keys: [keys], label });
  }
});

test("a letter or a sign alone acts only in its place", () => {
  expect(registered.filter(({ keys, placed }) => keys.length === 1 && !placed)).toEqual([]);
});

test("the shortcuts of the house are those of the table", () => {
  const before = shortcuts.list.length;
  registerHouseShortcuts(
    () => undefined,
    () => undefined,
  );
  const house = shortcuts.list.slice(before).flatMap(({ keys, label }) => (keys ? [{ keys: [keys], label }] : []));
  expect(SHORTCUTS[0]?.shortcuts).toEqual(house);
});

test("what is to be done once is not done again by a key that is held", () => {
  let done = 0;
  const forget = shortcuts.register({ keys: "mod+enter", label: "generate.make.shortcut", once: true, run: () => (done += 1) });
  const press = (repeat: boolean) => shortcuts.handle(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, repeat }));
  press(false);
  press(true);
  forget();
  expect(done).toBe(1);
});

test("Settings shows those of every screen, in both languages", async () => {
  await render(Keys);
  const artworks = page.getByRole("list", { name: "Artworks" });
  await expect.element(artworks.getByText("Write tags")).toBeVisible();
  await expect.element(page.getByRole("list", { name: "Gallery" }).getByText("Export pictures")).toBeVisible();
  await expectAccessible();
  speak("ko");
  await expect.element(page.getByRole("list", { name: "작품" }).getByText("태그 쓰기")).toBeVisible();
});
