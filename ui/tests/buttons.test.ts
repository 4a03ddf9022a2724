/** Button, IconButton, Chip, Kbd, Badge: what is pressed and what is only read. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import Badge from "$lib/Badge.svelte";
import Button from "$lib/Button.svelte";
import Chip from "$lib/Chip.svelte";
import IconButton from "$lib/IconButton.svelte";
import Kbd from "$lib/Kbd.svelte";
import { expectAccessible } from "./axe";
import { text } from "./snippets";

test.each(["primary", "plain", "quiet", "danger"] as const)(
  "a %s button is pressed by keyboard and can be read in both themes",
  async (variant) => {
    const onclick = vi.fn();
    render(Button, { variant, icon: "check", onclick, children: text("Make it") });
    await userEvent.keyboard("{Tab}{Enter} ");
    expect(onclick).toHaveBeenCalledTimes(2);
    await expectAccessible();
  },
);

test("a busy button keeps its name and cannot be pressed", async () => {
  render(Button, { busy: true, children: text("Make it") });
  await expect.element(page.getByRole("button", { name: "Make it" })).toBeDisabled();
  await expectAccessible();
});

test("a button with an address is a link", async () => {
  render(Button, { href: "#/models", children: text("Models") });
  await expect.element(page.getByRole("link", { name: "Models" })).toHaveAttribute("href", "#/models");
});

test("an icon button is named by its label and shows it on focus until Escape", async () => {
  render(IconButton, { icon: "trash", label: "Remove", keys: "delete", pressed: true });
  const button = page.getByRole("button", { name: "Remove", pressed: true });
  await expect.element(button).toBeVisible();
  await userEvent.keyboard("{Tab}");
  await expect.element(page.getByRole("tooltip")).toHaveTextContent("Remove Del");
  await expectAccessible();
  await userEvent.keyboard("{Escape}");
  await expect.element(page.getByRole("tooltip")).not.toBeInTheDocument();
});

test("a chip can be chosen and taken away", async () => {
  const onclick = vi.fn();
  const onremove = vi.fn();
  render(Chip, { label: "ink", pressed: false, onclick, onremove });
  await page.getByRole("button", { name: "ink", exact: true }).click();
  await page.getByRole("button", { name: "Remove ink" }).click();
  expect(onclick).toHaveBeenCalledOnce();
  expect(onremove).toHaveBeenCalledOnce();
  await expectAccessible();
});

test.each(["neutral", "good", "warning", "bad"] as const)("a %s badge can be read in both themes", async (tone) => {
  render(Badge, { tone, icon: "info", children: text("too small") });
  await expectAccessible();
});

test("keys show what their caps say", async () => {
  const { container } = await render(Kbd, { keys: "mod+shift+z" });
  expect(container.textContent?.replace(/\s/g, "")).toBe("CtrlShiftZ");
});
