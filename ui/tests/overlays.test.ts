/** Dialog, Menu, Popover: focus goes in, stays, and comes back. */
import { beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import Toaster from "$lib/Toaster.svelte";
import { toasts } from "$lib/toasts.svelte";
import { expectAccessible } from "./axe";
import Overlays from "./Overlays.svelte";

const onrun = vi.fn();

beforeEach(async () => {
  onrun.mockClear();
  await render(Overlays, { onrun });
});

test("a dialog takes the focus, and Escape gives it back", async () => {
  const opener = page.getByRole("button", { name: "Open dialog" });
  await opener.click();
  const overlay = page.getByRole("dialog", { name: "Remove it?" });
  await expect.element(overlay).toBeVisible();
  await expect.poll(() => overlay.element().contains(document.activeElement)).toBe(true);
  await userEvent.keyboard("{Tab}{Tab}{Tab}");
  expect(overlay.element().contains(document.activeElement)).toBe(true);
  await expectAccessible();
  await userEvent.keyboard("{Escape}");
  await expect.element(overlay).not.toBeInTheDocument();
  await expect.element(opener).toHaveFocus();
});

test("a toast that is pressed leaves a dialog open, with the keyboard in it", async () => {
  const undone = vi.fn();
  await render(Toaster);
  await page.getByRole("button", { name: "Open dialog" }).click();
  toasts.show("Removed.", { action: { label: "Undo", run: undone } });
  // As long as a hand presses.
  await page.getByRole("button", { name: "Undo" }).click({ delay: 50 });
  expect(undone).toHaveBeenCalledOnce();
  // Longer than it takes to close one.
  await new Promise((done) => setTimeout(done, 100));
  const overlay = page.getByRole("dialog", { name: "Remove it?" });
  await expect.element(overlay).toBeVisible();
  await expect.poll(() => overlay.element().contains(document.activeElement)).toBe(true);
  await userEvent.keyboard("{Escape}");
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
