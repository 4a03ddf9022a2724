/** What all screens share: undo, toasts, shortcuts, words and formats, refusals. */
import { flushSync } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { announced } from "$lib/announce.svelte";
import type { Settings } from "$lib/bindings";
import { bytes, duration, list, percent, speak, t } from "$lib/i18n.svelte";
import { keysOf } from "$lib/keys";
import { Pace } from "$lib/pace";
import { sentence } from "$lib/refusals";
import { address, go, route } from "$lib/route.svelte";
import { shortcuts } from "$lib/shortcuts.svelte";
import TextField from "$lib/TextField.svelte";
import Toaster from "$lib/Toaster.svelte";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { expectAccessible } from "./axe";
import Foot from "./Foot.svelte";

afterEach(() => {
  speak("en");
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
});

test("what was done can be taken back from its toast, and done again", async () => {
  let removed = true;
  await render(Toaster);
  const step = { label: "12 artworks removed", undo: async () => !(removed = false), redo: async () => (removed = true) };
  undo.push(step);
  expect(announced()).toBe("12 artworks removed");
  await expectAccessible();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => removed).toBe(false);
  expect(undo.canUndo).toBe(false);
  await undo.redo();
  expect(removed).toBe(true);
  await undo.undo();
  expect(removed).toBe(false);
});

test("steps taken back quickly are taken back one after the other", async () => {
  const order: string[] = [];
  const step = (name: string) => ({
    label: name,
    undo: () => new Promise<boolean>((done) => setTimeout(() => (order.push(name), done(true)), 20)),
  });
  undo.push(step("first"), { quiet: true });
  undo.push(step("second"), { quiet: true });
  await Promise.all([undo.undo(), undo.undo()]);
  expect(order).toEqual(["second", "first"]);
});

test("a step that was refused stays where it was, and nothing says that it was taken back", async () => {
  let refused = true;
  const step = { label: "12 artworks removed", undo: async () => !refused, redo: async () => !refused };
  await render(Toaster);
  undo.push({ label: "before", undo: async () => true }, { quiet: true });
  undo.push(step);
  await undo.undo();
  expect(undo.canRedo).toBe(false);
  expect(page.getByText("Taken back").elements()).toEqual([]);
  // Its toast offers it still.
  refused = false;
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.element(page.getByText("Taken back: 12 artworks removed")).toBeVisible();
  refused = true;
  await undo.redo();
  expect(undo.canRedo).toBe(true);
  refused = false;
  await undo.redo();
  expect(undo.canRedo).toBe(false);
});

test("a step that is refused again does not stand before older ones", async () => {
  const older = vi.fn(async () => true);
  undo.push({ label: "older", undo: older }, { quiet: true });
  undo.push({ label: "gone for good", undo: async () => false }, { quiet: true });
  await undo.undo();
  await undo.undo();
  expect(older).not.toHaveBeenCalled();
  await undo.undo();
  expect(older).toHaveBeenCalledOnce();
});

test("a shortcut acts only where it belongs, if it belongs somewhere", async () => {
  const run = vi.fn();
  const listen = (event: KeyboardEvent) => shortcuts.handle(event);
  window.addEventListener("keydown", listen);
  const remove = shortcuts.register({ keys: "t", label: "app.undo.name", place: "here", run });
  const here = document.createElement("div");
  here.dataset.keys = "here";
  here.tabIndex = 0;
  document.body.append(here);
  await userEvent.keyboard("t");
  expect(run).not.toHaveBeenCalled();
  here.focus();
  await userEvent.keyboard("t");
  expect(run).toHaveBeenCalledOnce();
  here.remove();
  remove();
  window.removeEventListener("keydown", listen);
});

test("a shortcut does nothing while somebody types, and the newest of two wins", async () => {
  const run = vi.fn();
  const listen = (event: KeyboardEvent) => shortcuts.handle(event);
  window.addEventListener("keydown", listen);
  const remove = [
    shortcuts.register({ keys: "r", label: "app.undo.name", run: () => run("house") }),
    shortcuts.register({ keys: "r", label: "app.redo.name", run: () => run("screen") }),
    shortcuts.register({ keys: "mod+enter", label: "app.redo.name", run: () => run("mod") }),
  ];
  await render(TextField, { label: "Name", value: "" });
  await userEvent.keyboard("r");
  expect(run.mock.calls).toEqual([["screen"]]);
  await page.getByRole("textbox").click();
  await userEvent.keyboard("r{Control>}{Enter}{/Control}");
  expect(run.mock.calls).toEqual([["screen"], ["mod"]]);
  for (const take of remove) take();
  window.removeEventListener("keydown", listen);
});

test("words, plurals and amounts follow the language", () => {
  expect(t("lib.rating.stars", { stars: 1 })).toBe("1 star");
  expect(bytes(4_265_146_304)).toBe("4.3 GB");
  expect(bytes(0)).toBe("0 byte");
  expect(duration(200)).toBe("3 min 20 sec");
  expect(duration(0)).toBe("0 sec");
  expect(duration(7_200)).toBe("2 hr");
  expect(percent(0.423)).toBe("42%");
  expect(list(["a", "b", "c"])).toBe("a, b, and c");
  speak("ko");
  expect(t("lib.rating.stars", { stars: 3 })).toBe("별 3개");
  expect(t("gallery.selection.count", { count: 12_345 })).toBe("12,345장 선택됨");
  expect(duration(200)).toBe("3분 20초");
  expect(document.documentElement.lang).toBe("ko");
});

test("a refusal fills in its facts once, whatever they contain", () => {
  expect(sentence({ code: "style_too_few_artworks", details: { style: "{valid}", valid: 9, valid_min: 10 } })).toContain(
    "“{valid}” has 9 valid",
  );
  const missing = Array.from({ length: 20 }, (_, layer) => `layer${layer}`);
  expect(sentence({ code: "lora_mismatch", details: { file: "x", matched: 0, layers: 20, missing } })).toContain("layer7, … (20)");
});

test("a screen is an address", async () => {
  go("generate", { from: "17" });
  await expect.poll(() => route()).toEqual({ screen: "generate", query: { from: "17" } });
  expect(address("gallery")).toBe("#/gallery");
});

test("an effect that registers a shortcut runs once and takes it away at its end", async () => {
  const before = shortcuts.list.length;
  let runs = 0;
  const end = $effect.root(() => {
    $effect(() => {
      runs += 1;
      return shortcuts.register({ keys: "q", label: "app.undo.name", run: () => undefined });
    });
  });
  flushSync();
  expect([runs, shortcuts.list.length]).toEqual([1, before + 1]);
  end();
  expect(shortcuts.list).toHaveLength(before);
});

test("shortcuts are places on the keyboard where a layout writes no Latin letters", () => {
  const pressed = (key: string, code: string, held: KeyboardEventInit = {}) => keysOf(new KeyboardEvent("keydown", { key, code, ...held }));
  expect(pressed("ㅅ", "KeyT")).toBe("t");
  expect(pressed("Process", "KeyC")).toBe("c");
  expect(pressed("ㅋ", "KeyZ", { ctrlKey: true, shiftKey: true })).toBe("mod+shift+z");
  expect(pressed("я", "KeyZ", { ctrlKey: true })).toBe("mod+z");
  // A Latin layout says itself which letter it is, wherever that stands.
  expect(pressed("y", "KeyZ")).toBe("y");
  expect(pressed("é", "Digit2")).toBe("é");
  expect(pressed(" ", "Space")).toBe("space");
});

test("how long it still takes follows how fast it went lately", () => {
  const pace = new Pace();
  expect(pace.mark(0, 100, 0)).toBeNull();
  expect(pace.mark(5, 100, 1_000)).toBeNull();
  expect(pace.mark(20, 100, 4_000)).toBeCloseTo(16);
  // Four times as fast, for long enough that the beginning is forgotten.
  expect(pace.mark(40, 10_000, 30_000)).toBeNull();
  expect(pace.mark(440, 10_000, 40_000)).toBeCloseTo(239);
  expect(pace.mark(10, 100, 41_000)).toBeNull();
  expect(pace.mark(10, null, 50_000)).toBeNull();
});

test("the page wears the theme that the shell knows before its own module runs", async () => {
  const first = await (await fetch("/first.js")).text();
  const root = document.documentElement;
  const begin = (known: Partial<Settings>) =>
    new Function("window", "document", "matchMedia", first)({ atelierSettings: known }, document, matchMedia);
  begin({ theme: "dark", language: "ko", reduced_motion: "on" });
  expect([root.dataset.theme, root.lang, root.dataset.motion]).toEqual(["dark", "ko", "reduced"]);
  begin({ theme: "light", language: "en", reduced_motion: "on" });
  expect([root.dataset.theme, root.lang]).toEqual(["light", "en"]);
});

test("toasts have a place of their own and lie over nothing", async () => {
  await render(Foot);
  const bar = page.getByRole("button", { name: "Export" }).element().getBoundingClientRect();
  for (const text of ["one", "two", "three"]) toasts.show(text, { action: { label: "Undo", run: () => undefined } });
  await expect.element(page.getByText("three")).toBeVisible();
  const after = page.getByRole("button", { name: "Export" }).element().getBoundingClientRect();
  expect(after.bottom).toBeLessThan(bar.bottom);
  for (const toast of page.getByRole("group").elements()) {
    expect(toast.getBoundingClientRect().top).toBeGreaterThanOrEqual(after.bottom);
  }
  await page.getByRole("button", { name: "Export" }).click();
});
