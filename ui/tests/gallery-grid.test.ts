/** The gallery's grid over 100,000 pictures: what it asks for, what it keeps, and what its keys do. */
import { flushSync } from "svelte";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { Cards } from "../src/screens/gallery/cards.svelte";
import { expectAccessible } from "./axe";
import { card } from "./records";
import PictureGridOf from "./PictureGridOf.svelte";

const COUNT = 100_000;
/** Cells of a window and a little around it. */
const CELLS_MAX = 200;
const ids = Array.from({ length: COUNT }, (_, place) => COUNT - place);

/** A studio that takes a while, and remembers what it was asked. */
function slowStudio(delay_ms: number) {
  return vi.fn(async (asked: number[]) => {
    await new Promise((resolve) => setTimeout(resolve, delay_ms));
    return { status: "ok" as const, data: asked.map((id) => card(id)) };
  });
}

function grid(cards: Cards) {
  const heard = { onopen: vi.fn(), ondrag: vi.fn(), onrate: vi.fn(), onremove: vi.fn(), oncopy: vi.fn() };
  return { heard, props: { ids, cards, selected: new Set<number>(), active: null, ...heard } };
}

test("only what is in sight is asked for, in one question", async () => {
  const fetch = slowStudio(0);
  await render(PictureGridOf, grid(new Cards(fetch)).props);
  await expect.element(page.getByRole("option", { name: `prompt ${COUNT}`, exact: true })).toBeVisible();
  expect(fetch).toHaveBeenCalledOnce();
  expect(fetch.mock.calls[0]?.[0].length).toBeLessThan(200);
  await expectAccessible();
});

test("what was scrolled past while a question ran is never asked for", async () => {
  const studio = slowStudio(0);
  let answer: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  const fetch = vi.fn((asked: number[]) => held.then(() => studio(asked)));
  await render(PictureGridOf, grid(new Cards(fetch)).props);
  const list = page.getByRole("listbox", { name: "Pictures" }).element();
  await vi.waitUntil(() => fetch.mock.calls.length === 1);
  for (const share of [0.2, 0.4, 0.6, 0.8]) {
    list.scrollTop = list.scrollHeight * share;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  answer();
  await vi.waitUntil(() => fetch.mock.calls.length === 2);
  expect(Math.max(...(fetch.mock.calls[1]?.[0] ?? []))).toBeLessThan(COUNT * 0.25);
});

test("cards that were seen long ago are forgotten", async () => {
  const fetch = slowStudio(0);
  const cards = new Cards(fetch);
  for (let from = 0; from < 5_000; from += 500) {
    const window = ids.slice(from, from + 500);
    cards.want(window);
    await vi.waitUntil(() => cards.get(window[0] ?? 0) !== undefined);
  }
  expect(cards.get(COUNT)).toBeUndefined();
  expect(cards.get(COUNT - 4_999)).toBeDefined();
});

test("pictures that are gone are not asked for again and again", async () => {
  const fetch = vi.fn(() => Promise.resolve({ status: "ok" as const, data: [] }));
  const cards = new Cards(fetch);
  cards.want([1, 2, 3]);
  await vi.waitUntil(() => fetch.mock.calls.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(fetch).toHaveBeenCalledOnce();
});

test("digits rate, Delete removes, Ctrl+C copies, Enter opens", async () => {
  const { heard, props } = grid(new Cards(slowStudio(0)));
  await render(PictureGridOf, props);
  await userEvent.keyboard("{Tab}{ArrowRight}{ArrowRight}4{Delete}{Control>}c{/Control}{Enter}");
  expect(heard.onrate).toHaveBeenCalledExactlyOnceWith(4);
  expect(heard.onremove).toHaveBeenCalledOnce();
  expect(heard.oncopy).toHaveBeenCalledOnce();
  expect(heard.onopen).toHaveBeenCalledExactlyOnceWith(COUNT - 1);
});

test("scrolling through all of it draws what is in sight and no more", async () => {
  await render(PictureGridOf, grid(new Cards(slowStudio(5))).props);
  const list = page.getByRole("listbox", { name: "Pictures" }).element();
  for (let turn = 1; turn <= 60; turn++) {
    list.scrollTop = (list.scrollHeight * turn) / 61;
    list.dispatchEvent(new Event("scroll"));
    flushSync();
    const drawn = [...list.querySelectorAll<HTMLElement>("[role=option]")].map((cell) => cell.getBoundingClientRect());
    expect(drawn.length).toBeLessThan(CELLS_MAX);
    expect(Math.min(...drawn.map(({ top }) => top))).toBeLessThanOrEqual(list.getBoundingClientRect().top);
  }
});
