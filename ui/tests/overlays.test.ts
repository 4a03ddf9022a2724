/** Dialog, Drawer, Menu, Popover, Tabs: focus goes in, stays, and comes back. */
import { beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { expectAccessible } from "./axe";
import Overlays from "./Overlays.svelte";

const onrun = vi.fn();

beforeEach(async () => {
  onrun.mockClear();
  await render(Overlays, { onrun });
});

test.each([
  ["dialog", "Remove it?"],
  ["drawer", "Advanced"],
])("a %s takes the focus, and Escape gives it back", async (what, title) => {
  const opener = page.getByRole("button", { name: `Open ${what}` });
  await opener.click();
  const overlay = page.getByRole("dialog", { name: title });
  await expect.element(overlay).toBeVisible();
  await expect.poll(() => overlay.element().contains(document.activeElement)).toBe(true);
  await userEvent.keyboard("{Tab}{Tab}{Tab}");
  expect(overlay.element().contains(document.activeElement)).toBe(true);
  await expectAccessible();
  await userEvent.keyboard("{Escape}");
  await expect.element(overlay).not.toBeInTheDocument();
  await expect.element(opener).toHaveFocus();
});

test("a menu is worked by arrows", async () => {
  const opener = page.getByRole("button", { name: "More" });
  opener.element().focus();
  await userEvent.keyboard("{Enter}");
  await expect.element(page.getByRole("menuitem", { name: "Rename" })).toBeVisible();
  await expectAccessible();
  await userEvent.keyboard("{ArrowDown}{Enter}");
  await expect.poll(() => onrun.mock.calls.flat()).toEqual(["remove"]);
  await expect.element(opener).toHaveFocus();
});

test("a popover says what it is", async () => {
  await page.getByRole("button", { name: "Filter" }).click();
  await expect.element(page.getByRole("dialog", { name: "Filter" })).toHaveTextContent("By date");
  await expectAccessible();
});

test("arrows change tabs", async () => {
  page.getByRole("tab", { name: "Curve" }).element().focus();
  await userEvent.keyboard("{ArrowRight}");
  await expect.element(page.getByRole("tabpanel")).toHaveTextContent("Panel of samples");
  await expectAccessible();
});
