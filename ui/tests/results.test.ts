/** What was made lately, as it is now: removed, rated and failed elsewhere, too. And the form, as it was left. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { type Card, events, type GenerationDetail, type Job, type Style } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import { styles } from "$lib/styles.svelte";
import { undo } from "$lib/undo.svelte";
import { COUNT_DEFAULT, kept } from "../src/screens/generate/draft";
import { GenerateState } from "../src/screens/generate/generate.svelte";
import { Results } from "../src/screens/generate/results.svelte";
import FormOf from "./FormOf.svelte";
import { card as cardOf, detail as detailOf } from "./records";
import { refuse, studioThat } from "./studio";
import VaryOf from "./VaryOf.svelte";

const there = new Map<number, number>();
let asked: { command: string; arguments: unknown }[] = [];
let end: () => void = () => undefined;
/** Pictures that the strip goes back to; `null`: all. */
let strip: number[] | null;
let tagCheck: (text: string) => string | Promise<string>;

const card = (id: number): Card => cardOf(id, { rating: there.get(id) ?? 0 });

const detail = (id: number): GenerationDetail =>
  detailOf(id, {
    ...card(id),
    tags: ["cat"],
    styles: [{ style: 3, name: "ink", strength: 1, layers_matched: 264, layers: 264, base_model_matches: true }],
  });

const job = (id: number, status: Job["status"]): Job => ({
  id,
  kind: "generate",
  status,
  style: null,
  title: "cat",
  pictures: 1,
  finished: 0,
  phase: null,
  step: 0,
  steps: 0,
  seconds_left: null,
  failure: status === "failed" ? { code: "out_of_memory", details: { needed_mb: null, available_mb: null } } : null,
  settings: null,
  created_at: "2026-11-23T00:00:00Z",
});

beforeEach(() => {
  there.clear();
  for (const id of [3, 2, 1]) there.set(id, 0);
  strip = null;
  tagCheck = (text) => text;
  const cards = (ids: Iterable<number>) => [...ids].filter((id) => there.has(id)).map(card);
  const started = studioThat({
    gallery_latest: () => cards(strip ?? there.keys()),
    gallery_cards: ({ ids }: { ids: number[] }) => cards(ids),
    generation_show: ({ id }: { id: number }) => detail(id),
    generation_rate: ({ ids, rating }: { ids: number[]; rating: number }) => (ids.forEach((id) => there.set(id, rating)), null),
    generation_remove: ({ ids }: { ids: number[] }) => (ids.forEach((id) => there.delete(id)), null),
    generation_place: () => 9,
    tag_complete: () => [],
    tag_check: ({ text }: { text: string }) => tagCheck(text),
    style_list: (): Style[] => [],
  });
  asked = started.asked;
  end = started.end;
});
afterEach(() => {
  jobs.list = [];
  localStorage.clear();
  end();
});

const changed = () => events.libraryChanged.emit({ what: "generations", style: null });
const shownIds = (results: Results) => results.cards?.map(({ id }) => id);
const given = (command: string) => asked.filter((one) => one.command === command).map((one) => one.arguments);

test("what the gallery removes leaves strip and easel, and what it rates has those stars", async () => {
  const results = new Results();
  await results.load();
  await results.choose(2);
  there.delete(2);
  there.set(1, 4);
  await changed();
  await expect.poll(() => shownIds(results)).toEqual([3, 1]);
  await expect.poll(() => results.detail?.id).toBe(1);
  expect(results.shown).toMatchObject({ id: 1, rating: 4 });
});

test("a picture that the strip does not go back to stands on the easel when it is chosen", async () => {
  const results = new Results();
  strip = [3];
  await results.load();
  await results.choose(1);
  expect([results.shown?.id, results.detail?.id]).toEqual([1, 1]);
  await results.rate(1, 5);
  await changed();
  await expect.poll(() => results.shown).toMatchObject({ id: 1, rating: 5 });
  await results.remove(1);
  expect(results.shown?.id).toBe(3);
  jobs.list = [job(9, "running")];
  expect(results.following).toBe(true);
});

test("nothing is compared with a picture that is gone", async () => {
  const results = new Results();
  await results.load();
  await results.choose(3);
  await results.compare(1);
  there.delete(1);
  await changed();
  await expect.poll(() => results.other).toBeNull();
  await results.choose(2);
  expect(results.shown?.id).toBe(2);
});

test("an undone rating brings back what the studio had", async () => {
  const results = new Results();
  await results.load();
  // Rated in the gallery, and not heard of yet.
  there.set(3, 5);
  await results.rate(3, 1);
  expect(results.cards?.[0]?.rating).toBe(1);
  await undo.undo();
  expect(there.get(3)).toBe(5);
  await undo.redo();
  there.set(3, 2);
  await undo.undo();
  expect(there.get(3)).toBe(2);
});

test("who presses twice removes a picture once", async () => {
  const results = new Results();
  await results.load();
  await results.choose(2);
  await Promise.all([results.remove(2), results.remove(2)]);
  expect(given("generation_remove")).toEqual([{ ids: [2] }]);
  expect(results.shown?.id).toBe(1);
});

test("why an order failed is told until it has been read, whatever is begun after it", () => {
  const results = new Results();
  jobs.list = [job(4, "failed")];
  expect(results.failed?.id).toBe(4);
  // The running one comes first, then those that wait, then what ended.
  jobs.list = [job(6, "running"), job(7, "queued"), job(4, "failed")];
  expect(results.failed?.id).toBe(4);
  jobs.list = [job(7, "failed"), job(4, "failed"), job(6, "completed")];
  expect(results.failed?.id).toBe(7);
  results.forget(7);
  expect(results.failed?.id).toBe(4);
  results.forget(4);
  expect(results.failed).toBeNull();
});

test("who orders again has read why the orders before failed", async () => {
  const state = new GenerateState();
  state.draft.tags.push("cat");
  jobs.list = [job(7, "running"), job(6, "failed"), job(4, "failed")];
  await state.generate();
  expect(state.results.failed).toBeNull();
  jobs.list = [job(9, "failed"), ...jobs.list];
  expect(state.results.failed?.id).toBe(9);
});

test("how many can be typed anew, and comes back when it is left empty", async () => {
  const state = new GenerateState();
  state.draft.tags.push("cat");
  await render(FormOf, { state });
  const field = page.getByRole("spinbutton", { name: "Pictures" });
  await field.click();
  await userEvent.keyboard("{End}{Backspace}");
  await expect.element(field).toHaveValue(null);
  await userEvent.keyboard("2");
  await expect.element(field).toHaveValue(2);
  await userEvent.keyboard("{Backspace}{Tab}");
  await expect.element(field).toHaveValue(COUNT_DEFAULT);
  await field.click();
  await userEvent.keyboard("{End}{Backspace}2");
  await page.getByRole("button", { name: "Generate" }).click();
  await expect.poll(() => given("generation_place")).toMatchObject([{ request: { count: 2 } }]);
});

test("the form is kept as it changes, and at once when the window closes", async () => {
  const state = new GenerateState();
  state.draft.tags.push("cat");
  await expect.poll(() => kept().tags).toEqual(["cat"]);
  state.draft.styles.push({ style: 3, strength: 1 });
  await expect.poll(() => kept().styles).toEqual([{ style: 3, strength: 1 }]);
  const use = state.draft.styles[0];
  if (use) use.strength = 0.5;
  window.dispatchEvent(new Event("pagehide"));
  expect(kept().styles).toEqual([{ style: 3, strength: 0.5 }]);
});

test("a picture whose style is gone says so before one thing of it is changed", async () => {
  await styles.load();
  await render(VaryOf, { state: new GenerateState(), original: detail(1) });
  await page.getByRole("button", { name: "Change one thing" }).click();
  await expect.element(page.getByText("A style of this picture is no longer in your library.", { exact: false })).toBeVisible();
  await page.getByRole("button", { name: "Make it" }).click();
  await expect.poll(() => given("generation_place")).toMatchObject([{ request: { styles: [], tags: ["cat"] } }]);
});

test("a tag that is still being typed counts when one thing is changed; what cannot be one is mended first", async () => {
  let answer: () => void = () => undefined;
  tagCheck = async (text) => {
    await new Promise<void>((answered) => (answer = answered));
    return text === "고양이" ? refuse({ code: "tag_not_english", details: { tag: text } }) : text;
  };
  await render(VaryOf, { state: new GenerateState(), original: detail(1) });
  await page.getByRole("button", { name: "Change one thing" }).click();
  await page.getByRole("radio", { name: "Tags" }).click();
  const field = page.getByRole("combobox", { name: "Tags" });
  const make = page.getByRole("button", { name: "Make it" });
  await field.fill("고양이");
  await make.click();
  answer();
  await expect.element(field).toBeInvalid();
  await expect.element(make).toBeVisible();
  expect(given("generation_place")).toEqual([]);
  await field.fill("boat");
  await make.click();
  await make.click();
  answer();
  await expect.poll(() => given("generation_place")).toMatchObject([{ request: { tags: ["cat", "boat"] } }]);
  await expect.element(make).not.toBeInTheDocument();
});
