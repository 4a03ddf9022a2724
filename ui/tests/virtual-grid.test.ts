/** VirtualGrid: few cells for many pictures, and a keyboard that reaches all of them. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { shortcuts } from "$lib/shortcuts.svelte";
import type { Selection } from "$lib/selection";
import { expectAccessible } from "./axe";
import GridOf from "./GridOf.svelte";

const COUNT = 100_000;
const chosen = () =>
  page
    .getByRole("option", { selected: true })
    .elements()
    .map((element) => element.getAttribute("aria-label"));

test("only what is in sight exists", async () => {
  await render(GridOf, { count: COUNT });
  await expect.poll(() => page.getByRole("option").elements().length).toBeGreaterThan(11);
  expect(page.getByRole("option").elements().length).toBeLessThan(60);
  await expect.element(page.getByRole("option", { name: "Picture 1", exact: true })).toHaveAttribute("aria-setsize", String(COUNT));
  await expectAccessible();
});

test("a row that comes into sight draws no other row anew", async () => {
  const named: number[] = [];
  await render(GridOf, {
    count: COUNT,
    name: (id) => {
      named.push(id);
      return `Picture ${id}`;
    },
  });
  await expect.poll(() => page.getByRole("option").elements().length).toBeGreaterThan(11);
  // Far enough that rows leave above too, which moves the place of every cell in the list.
  for (const top of [250, 500, 750, 1_000]) {
    const { length } = page.getByRole("option").elements();
    named.length = 0;
    page.getByRole("listbox").element().scrollTop = top;
    await expect.poll(() => named.length).toBeGreaterThan(0);
    expect(named).toEqual([...new Set(named)]);
    expect(named.length).toBeLessThan(length);
  }
  expect(named).not.toContain(1);
});

test("arrows, Home and End go everywhere and select", async () => {
  await render(GridOf, { count: COUNT });
  await userEvent.keyboard("{Tab}{ArrowRight}{ArrowRight}{ArrowDown}");
  await expect.poll(chosen).toEqual(["Picture 6"]);
  await userEvent.keyboard("{End}");
  await expect.poll(chosen).toEqual([`Picture ${COUNT}`]);
  await expect.element(page.getByRole("option", { name: `Picture ${COUNT}` })).toBeInViewport();
  await userEvent.keyboard("{Home}");
  await expect.poll(chosen).toEqual(["Picture 1"]);
});

test("Shift takes a range, Ctrl adds, Ctrl+A takes all, Escape none", async () => {
  const onselect = vi.fn<(selected: Selection) => void>();
  const taken = () => [...(onselect.mock.lastCall?.[0] ?? [])];
  await render(GridOf, { count: COUNT, onselect });
  await page.getByRole("option", { name: "Picture 2", exact: true }).click();
  await page.getByRole("option", { name: "Picture 5", exact: true }).click({ modifiers: ["Shift"] });
  expect(taken()).toEqual([2, 3, 4, 5]);
  await page.getByRole("option", { name: "Picture 9", exact: true }).click({ modifiers: ["Control"] });
  expect(taken()).toEqual([2, 3, 4, 5, 9]);
  await userEvent.keyboard("{Control>}a{/Control}");
  expect(taken()).toHaveLength(COUNT);
  await userEvent.keyboard("{Escape}");
  expect(taken()).toEqual([]);
});

test("a range begins at the picture that was clicked, wherever it has gone since", async () => {
  const { rerender } = await render(GridOf, { count: COUNT });
  await page.getByRole("option", { name: "Picture 2", exact: true }).click();
  await rerender({ above: [COUNT + 1, COUNT + 2, COUNT + 3, COUNT + 4] });
  await page.getByRole("option", { name: "Picture 3", exact: true }).click({ modifiers: ["Shift"] });
  expect(chosen()).toEqual(["Picture 2", "Picture 3"]);
});

test("a range begins where the keyboard is when something else was selected since", async () => {
  const { rerender } = await render(GridOf, { count: COUNT });
  await page.getByRole("option", { name: "Picture 3", exact: true }).click();
  // As stepping through large pictures does, or an import that ends.
  await rerender({ selected: new Set([9]), active: 9 });
  await userEvent.keyboard("{Shift>}{ArrowRight}{/Shift}");
  await expect.poll(chosen).toEqual(["Picture 9", "Picture 10"]);
  await userEvent.keyboard("{Shift>}{ArrowLeft}{ArrowLeft}{/Shift}");
  await expect.poll(chosen).toEqual(["Picture 8", "Picture 9"]);
});

test("Enter and a double click open", async () => {
  const onopen = vi.fn();
  await render(GridOf, { count: 50, onopen });
  await userEvent.keyboard("{Tab}{ArrowRight}{Enter}");
  expect(onopen).toHaveBeenLastCalledWith(1);
  await page.getByRole("option", { name: "Picture 7", exact: true }).dblClick();
  expect(onopen).toHaveBeenLastCalledWith(7);
});

test("shortcuts of the screen work on the grid", async () => {
  const run = vi.fn();
  const listen = (event: KeyboardEvent) => shortcuts.handle(event);
  window.addEventListener("keydown", listen);
  const remove = shortcuts.register({ keys: "r", label: "app.undo.name", run });
  await render(GridOf, { count: 50 });
  await userEvent.keyboard("{Tab}{ArrowRight}r");
  expect(run).toHaveBeenCalledOnce();
  remove();
  window.removeEventListener("keydown", listen);
});
