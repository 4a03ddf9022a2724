/** Fields, choices and switches: named, refused beside themselves, worked by keyboard. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import NumberField from "$lib/NumberField.svelte";
import PathField from "$lib/PathField.svelte";
import SegmentedControl from "$lib/SegmentedControl.svelte";
import Select from "$lib/Select.svelte";
import Slider from "$lib/Slider.svelte";
import Switch from "$lib/Switch.svelte";
import TextField from "$lib/TextField.svelte";
import { expectAccessible } from "./axe";

test("a refused text says why, and the field points to it", async () => {
  render(TextField, { label: "Name", value: "잉크", refusal: { code: "style_name_not_a_tag", details: { style: "잉크" } } });
  const field = page.getByRole("textbox", { name: "Name" });
  await expect.element(field).toHaveAccessibleDescription(/“잉크” cannot name a style/);
  await expect.element(field).toHaveAttribute("aria-invalid", "true");
  await expectAccessible();
});

test("a number stays inside its limits, and may be left to the program", async () => {
  const onchange = vi.fn();
  render(NumberField, { label: "Steps", value: 20, min: 1, max: 60, placeholder: "as the model likes", onchange });
  const field = page.getByRole("spinbutton", { name: "Steps" });
  await field.fill("900");
  await userEvent.keyboard("{Tab}");
  expect(onchange).toHaveBeenLastCalledWith(60);
  await field.fill("");
  await userEvent.keyboard("{Tab}");
  expect(onchange).toHaveBeenLastCalledWith(null);
  await expectAccessible();
});

test("a fraction is taken only where the steps are fractions", async () => {
  const onchange = vi.fn();
  const field = page.getByRole("spinbutton", { name: "Number" });
  const whole = await render(NumberField, { label: "Number", value: 20, min: 1, max: 60, onchange });
  await field.fill("20.6");
  await userEvent.keyboard("{Tab}");
  expect(onchange).toHaveBeenLastCalledWith(21);
  await expect.element(field).toHaveValue(21);
  await whole.unmount();
  await render(NumberField, { label: "Number", value: 7, min: 1, max: 20, step: 0.5, onchange });
  await field.fill("7.5");
  await userEvent.keyboard("{Tab}");
  expect(onchange).toHaveBeenLastCalledWith(7.5);
});

test("a switch is switched by the keyboard", async () => {
  const onchange = vi.fn();
  render(Switch, { label: "Less motion", hint: "No animation", checked: false, onchange });
  await userEvent.keyboard("{Tab} ");
  await expect.element(page.getByRole("switch", { name: "Less motion", checked: true })).toBeVisible();
  expect(onchange).toHaveBeenCalledWith(true);
  await expectAccessible();
});

test("arrows choose in a segmented control", async () => {
  const onchange = vi.fn();
  const options = [
    { value: "light", label: "Light" },
    { value: "dark", label: "Dark" },
  ];
  render(SegmentedControl, { label: "Theme", value: "light", options, onchange });
  await userEvent.keyboard("{Tab}{ArrowRight}");
  expect(onchange).toHaveBeenCalledWith("dark");
  await expect.element(page.getByRole("radio", { name: "Dark" })).toBeChecked();
  await expectAccessible();
});

test("a slider tells its value in words", async () => {
  const onchange = vi.fn();
  render(Slider, { label: "Strength", value: 1, min: 0, max: 2, step: 0.5, format: (value: number) => `${value} times`, onchange });
  await userEvent.keyboard("{Tab}{ArrowRight}");
  await expect.element(page.getByRole("slider", { name: "Strength" })).toHaveAttribute("aria-valuetext", "1.5 times");
  expect(onchange).toHaveBeenCalledWith(1.5);
  await expectAccessible();
});

test("a list opens, finds by typing, and gives the focus back", async () => {
  const onchange = vi.fn();
  const options = [
    { value: "starter", label: "Starter model", detail: "256 px" },
    { value: "sdxl", label: "Stable Diffusion XL" },
  ];
  render(Select, { label: "Base model", value: "starter", options, onchange });
  const trigger = page.getByRole("combobox", { name: /Base model/ });
  await trigger.click();
  await expect.element(page.getByRole("option", { name: "Stable Diffusion XL" })).toBeVisible();
  await expectAccessible();
  await userEvent.keyboard("st{ArrowDown}{Enter}");
  await expect.poll(() => onchange.mock.calls.length).toBe(1);
  await expect.element(trigger).toHaveFocus();
});

test("a path can be typed", async () => {
  const onsubmit = vi.fn();
  render(PathField, { label: "Folder", value: "", kind: "folder", onsubmit });
  await page.getByRole("textbox", { name: "Folder" }).fill("/home/kim/ink");
  await userEvent.keyboard("{Enter}");
  expect(onsubmit).toHaveBeenCalledWith("/home/kim/ink");
  await expectAccessible();
});
