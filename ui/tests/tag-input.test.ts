/** TagInput: typing, completing, ordering and refusing, by keyboard alone. */
import { beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import TagInput from "$lib/TagInput.svelte";
import type { CheckedTag } from "$lib/tags";
import { expectAccessible } from "./axe";

const KNOWN = ["cat", "castle", "clouds"];
const complete = async (prefix: string) => KNOWN.filter((tag) => tag.startsWith(prefix)).map((tag, uses) => ({ tag, uses }));
const check = async (text: string): Promise<CheckedTag> =>
  /[^\x20-\x7e]/.test(text) ? { refusal: { code: "tag_not_english", details: { tag: text } } } : { tag: text.toLowerCase() };
const onchange = vi.fn<(tags: string[], before: string[]) => void>();
const chip = (tag: string) => page.getByRole("button", { name: new RegExp(`^${tag}, `) });
const input = () => page.getByRole("combobox", { name: "Tags" });

beforeEach(() => {
  onchange.mockClear();
});

async function show(tags: string[], fixed: string[] = []): Promise<void> {
  await render(TagInput, { label: "Tags", tags, fixed, complete, check, onchange });
}

test("Enter and commas add tags as they are kept", async () => {
  await show([]);
  await input().fill("Ink, Paper");
  await userEvent.keyboard("{Enter}");
  await expect.poll(() => onchange.mock.lastCall?.[0]).toEqual(["ink", "paper"]);
  await expect.element(input()).toHaveValue("");
  await expectAccessible();
});

test("arrows take a suggestion", async () => {
  await show(["cat"]);
  await input().fill("c");
  await expect.element(page.getByRole("option", { name: "castle" })).toBeVisible();
  await expect.element(page.getByRole("option", { name: "cat", exact: true })).not.toBeInTheDocument();
  await expectAccessible();
  await userEvent.keyboard("{ArrowDown}{Enter}");
  await expect.poll(() => onchange.mock.lastCall?.[0]).toEqual(["cat", "castle"]);
});

test("a word that is not English is refused kindly and stays to be mended", async () => {
  await show(["cat"]);
  await input().fill("고양이, dog");
  await userEvent.keyboard("{Enter}");
  await expect.element(page.getByText(/“고양이” is not English/)).toBeVisible();
  await expect.element(input()).toHaveValue("고양이, dog");
  expect(onchange).not.toHaveBeenCalled();
  await expectAccessible();
});

test("tags are moved and removed by keyboard, but not the fixed one", async () => {
  await show(["ink", "cat", "moon"], ["ink"]);
  await input().click();
  await userEvent.keyboard("{Backspace}");
  await expect.element(page.getByRole("button", { name: "moon, 3 of 3" })).toHaveFocus();
  await userEvent.keyboard("{Alt>}{ArrowLeft}{/Alt}");
  await expect.poll(() => onchange.mock.lastCall?.[0]).toEqual(["ink", "moon", "cat"]);
  await expect.element(page.getByRole("button", { name: "moon, 2 of 3" })).toHaveFocus();
  await userEvent.keyboard("{Alt>}{ArrowLeft}{/Alt}");
  expect(onchange).toHaveBeenCalledOnce();
  await userEvent.keyboard("{Delete}");
  await expect.poll(() => onchange.mock.lastCall?.[0]).toEqual(["ink", "cat"]);
  await userEvent.keyboard("{Home}{Delete}");
  expect(onchange).toHaveBeenCalledTimes(2);
});

test("several tags are pasted at once", async () => {
  await show([]);
  await input().click();
  const pasted = new DataTransfer();
  pasted.setData("text", "cat, moon\nbeach");
  input()
    .element()
    .dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true, cancelable: true }));
  await expect.poll(() => onchange.mock.lastCall?.[0]).toEqual(["cat", "moon", "beach"]);
  expect(onchange).toHaveBeenCalledOnce();
});

test("what could be a tag is kept once, before what could not", async () => {
  await show(["sea"]);
  await input().fill("cat, moon, sea, cat, 고양이, dog");
  await userEvent.keyboard("{Enter}");
  await expect.element(input()).toHaveValue("고양이, dog");
  expect(onchange.mock.calls).toEqual([[["sea", "cat", "moon"], ["sea"]]]);
});

test("a tag that is dragged past others makes room at once and is told of when it is let go", async () => {
  await show(["ink", "cat", "moon", "sea", "boat"], ["ink"]);
  point("pointerdown", chip("cat").element());
  for (const [past, place] of [
    ["moon", 3],
    ["sea", 4],
    ["boat", 5],
  ] as const) {
    point("pointermove", chip(past).element());
    await expect.element(page.getByRole("button", { name: `cat, ${place} of 5` })).toBeVisible();
  }
  // The style's name stays first.
  point("pointermove", chip("ink").element());
  expect(onchange).not.toHaveBeenCalled();
  point("pointerup", chip("cat").element());
  expect(onchange.mock.calls.map(([tags]) => tags)).toEqual([["ink", "moon", "sea", "boat", "cat"]]);
  await expect.element(page.getByRole("button", { name: "cat, 5 of 5" })).toHaveFocus();
});

test("a tag that is let go where it was, or whose drag is broken off, is told of to nobody", async () => {
  await show(["cat", "moon"]);
  point("pointerdown", chip("cat").element());
  point("pointermove", chip("moon").element());
  await expect.element(page.getByRole("button", { name: "cat, 2 of 2" })).toBeVisible();
  point("pointercancel", chip("cat").element());
  await expect.element(page.getByRole("button", { name: "cat, 1 of 2" })).toBeVisible();
  point("pointerdown", chip("cat").element());
  point("pointerup", chip("cat").element());
  expect(onchange).not.toHaveBeenCalled();
});

/** What a pointer does over the middle of an element. */
function point(type: string, over: Element): void {
  const { left, top, width, height } = over.getBoundingClientRect();
  over.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0, clientX: left + width / 2, clientY: top + height / 2 }));
}
