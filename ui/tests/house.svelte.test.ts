/** What all screens share: undo, toasts, shortcuts, words and formats, refusals. */
import { flushSync } from "svelte";
import { afterEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { announced } from "$lib/announce.svelte";
import { bytes, duration, list, percent, speak, t } from "$lib/i18n.svelte";
import { sentence } from "$lib/refusals";
import { address, go, route } from "$lib/route.svelte";
import { shortcuts } from "$lib/shortcuts.svelte";
import TextField from "$lib/TextField.svelte";
import Toaster from "$lib/Toaster.svelte";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";
import { expectAccessible } from "./axe";

afterEach(() => {
  speak("en");
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
});

test("what was done can be taken back from its toast, and done again", async () => {
  let removed = true;
  await render(Toaster);
  const step = { label: "12 artworks removed", undo: async () => void (removed = false), redo: async () => void (removed = true) };
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
    undo: () => new Promise<void>((done) => setTimeout(() => (order.push(name), done()), 20)),
  });
  undo.push(step("first"), { quiet: true });
  undo.push(step("second"), { quiet: true });
  await Promise.all([undo.undo(), undo.undo()]);
  expect(order).toEqual(["second", "first"]);
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
