/** What Generate asks for: shapes by keyboard, seeds of 64 bits, and a picture's settings there and back. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { GenerationDetail } from "$lib/bindings";
import { differences } from "../src/screens/generate/differences";
import { emptyDraft, keep, kept, requestFor, requestOf } from "../src/screens/generate/draft";
import RatioPicker from "../src/screens/generate/RatioPicker.svelte";
import Receipt from "$lib/Receipt.svelte";
import { drawSeed, isSeed } from "../src/screens/generate/seed";
import { expectAccessible } from "./axe";

const LARGEST_SEED = "18446744073709551615";

const picture: GenerationDetail = {
  id: 7,
  job: 3,
  width: 128,
  height: 128,
  rating: 0,
  created_at: "2026-11-23T00:00:00Z",
  prompt: "ink, cat, beach",
  negative_prompt: "text",
  tags: ["cat", "beach"],
  negative: ["text"],
  seed: LARGEST_SEED,
  aspect: "4:3",
  steps: 20,
  guidance: 5,
  sampler: "euler-a",
  model: "starter",
  architecture: "sd15-small",
  styles: [
    { style: 1, name: "ink", strength: 0.8, layers_matched: 264, layers: 264, base_model_matches: true },
    { style: null, name: "gone", strength: 1, layers_matched: 264, layers: 264, base_model_matches: true },
  ],
  signed: false,
  bytes: 1,
  path: "/7.png",
};

test("shapes are chosen by arrows and say what they come to", async () => {
  const onchange = vi.fn();
  const aspects = [
    { aspect: "1:1" as const, width: 512, height: 512 },
    { aspect: "4:3" as const, width: 576, height: 448 },
  ];
  await render(RatioPicker, { label: "Shape", aspects, value: "1:1", onchange });
  await expect.element(page.getByText("512 × 512 px")).toBeVisible();
  await userEvent.keyboard("{Tab}{ArrowRight}");
  expect(onchange).toHaveBeenLastCalledWith("4:3");
  await expect.element(page.getByText("576 × 448 px")).toBeVisible();
  await expectAccessible();
});

test("a style that does not fit says which layers have no place", async () => {
  await render(Receipt, { receipt: { layers_matched: 262, layers: 264, base_model_matches: false, missing: ["mid.0", "mid.1"] } });
  await expect.element(page.getByText("262 of 264 layers · made for another base model")).toBeVisible();
  await page.getByText("2 layers without a place").click();
  await expect.element(page.getByText("mid.1")).toBeVisible();
  await expectAccessible();
});

test("seeds have 64 bits, none rounded", () => {
  expect(drawSeed((into) => into.fill(2n ** 64n - 1n))).toBe(LARGEST_SEED);
  expect([LARGEST_SEED, "0"].every(isSeed)).toBe(true);
  expect(["18446744073709551616", "-1", "1.5", "", "cat"].some(isSeed)).toBe(false);
});

test("a seed that is half typed is left to the studio", () => {
  expect(requestOf({ ...emptyDraft(), seed: "12a" }).seed).toBeNull();
});

test("counts that are still being typed are asked for as whole numbers of 32 bits", () => {
  expect(requestOf({ ...emptyDraft(), count: 2.6, steps: 20.5, guidance: 7.5 })).toMatchObject({ count: 3, steps: 21, guidance: 7.5 });
  expect(requestOf({ ...emptyDraft(), count: -3, steps: 1e12 })).toMatchObject({ count: 0, steps: 2 ** 32 - 1 });
  expect(requestOf(emptyDraft()).steps).toBeNull();
});

test("a picture is asked for again exactly, without styles that are gone", () => {
  expect(requestFor(picture, ["euler", "euler-a"])).toEqual({
    styles: [{ style: 1, strength: 0.8 }],
    tags: ["cat", "beach"],
    negative: ["text"],
    aspect: "4:3",
    seed: LARGEST_SEED,
    count: 1,
    steps: 20,
    guidance: 5,
    sampler: "euler-a",
    model: "starter",
  });
});

test("only what differs between two pictures is told", () => {
  const other = { ...picture, id: 8, steps: 30, negative: [] };
  expect(differences(picture, other)).toEqual([
    { what: "negative", first: "text", second: "—" },
    { what: "steps", first: "20", second: "30" },
  ]);
});

test("the form is found as it was left; what is kept wrongly is left out", () => {
  const draft = {
    ...emptyDraft(),
    tags: ["cat"],
    styles: [{ style: 2, strength: 0.5 }],
    seed: LARGEST_SEED,
    seedLocked: true,
    steps: 12,
    sampler: "euler-a" as const,
  };
  keep(draft);
  expect(kept()).toEqual(draft);
  localStorage.setItem("atelier.generate.draft", JSON.stringify({ tags: ["cat", 3], count: "many", aspect: "5:1", sampler: "heun" }));
  expect(kept()).toMatchObject({ tags: ["cat"], count: 4, aspect: "1:1", sampler: null });
  localStorage.setItem("atelier.generate.draft", "{");
  expect(kept()).toMatchObject({ tags: [], styles: [] });
});
