/** The crop editor: frame and handles by keyboard and pointer, shape, turn and exact numbers. */
import { beforeEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Artwork } from "$lib/bindings";
import CropEditor from "../src/screens/artworks/CropEditor.svelte";
import { turned } from "../src/screens/artworks/crop";
import { Editing } from "../src/screens/artworks/editing.svelte";
import { expectAccessible } from "./axe";
import { artwork as artworkOf } from "./records";

const artwork = artworkOf(7, 1, { file_name: "ink.png" });

let editing: Editing;

async function show(of: Partial<Artwork> = {}): Promise<void> {
  editing = new Editing({ ...artwork, ...of });
  await render(CropEditor, { artwork: { ...artwork, ...of }, editing });
}

const handle = (name: string) => page.getByRole("button", { name: `${name} handle`, exact: true });

beforeEach(() => {
  document.body.style.height = "600px";
});

test("arrows pull the focused handle by a pixel, by ten with Shift, and never out of the picture", async () => {
  await show();
  handle("Bottom right").element().focus();
  await userEvent.keyboard("{ArrowLeft}{Shift>}{ArrowUp}{/Shift}");
  expect(editing.box).toEqual({ left_px: 0, top_px: 0, width_px: 599, height_px: 390 });
  await userEvent.keyboard("{Shift>}{ArrowRight}{ArrowDown}{/Shift}");
  expect(editing.box).toEqual({ left_px: 0, top_px: 0, width_px: 600, height_px: 400 });
  handle("Left").element().focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(editing.box).toEqual({ left_px: 1, top_px: 0, width_px: 599, height_px: 400 });
  await expectAccessible();
});

test("the frame moves as a whole and stops at the edge", async () => {
  await show({ crop: { left_px: 100, top_px: 5, width_px: 200, height_px: 200 } });
  page
    .getByRole("button", { name: /^Frame/ })
    .element()
    .focus();
  await userEvent.keyboard("{ArrowLeft}{Shift>}{ArrowUp}{/Shift}");
  expect(editing.box).toEqual({ left_px: 99, top_px: 0, width_px: 200, height_px: 200 });
});

test("a locked shape stays while a handle is pulled", async () => {
  await show();
  editing.lock("1:1");
  expect(editing.box).toEqual({ left_px: 100, top_px: 0, width_px: 400, height_px: 400 });
  handle("Right").element().focus();
  await userEvent.keyboard("{Shift>}{ArrowLeft}{/Shift}");
  expect(editing.box).toEqual({ left_px: 100, top_px: 5, width_px: 390, height_px: 390 });
});

test("a number that picture or shape cannot take gives way to the one that came of it", async () => {
  await show();
  editing.lock("1:1");
  const width = page.getByRole("spinbutton", { name: "Width" });
  await width.fill("590");
  await userEvent.keyboard("{Tab}");
  expect(editing.box.width_px).toBe(400);
  await expect.element(width).toHaveValue(400);
  await width.fill("");
  await userEvent.keyboard("{Tab}");
  await expect.element(width).toHaveValue(400);
});

test("turning turns the frame with the picture, and back again", async () => {
  const crop = { left_px: 10, top_px: 20, width_px: 100, height_px: 50 };
  await show({ crop });
  await userEvent.click(page.getByRole("button", { name: "Right", exact: true }));
  expect(editing.turns).toBe(1);
  expect(editing.size).toEqual({ width_px: 400, height_px: 600 });
  expect(editing.box).toEqual({ left_px: 330, top_px: 10, width_px: 50, height_px: 100 });
  expect(turned(editing.box, editing.size, -editing.turns)).toEqual(crop);
});

test("numbers are exact", async () => {
  await show();
  await userEvent.fill(page.getByRole("spinbutton", { name: "Width" }), "320");
  await userEvent.tab();
  expect(editing.box).toEqual({ left_px: 0, top_px: 0, width_px: 320, height_px: 400 });
  await userEvent.fill(page.getByRole("spinbutton", { name: "From left" }), "40");
  await userEvent.tab();
  expect(editing.box).toEqual({ left_px: 40, top_px: 0, width_px: 320, height_px: 400 });
});

test("the pointer pulls a handle", async () => {
  await show();
  const corner = handle("Top left").element();
  const box = corner.getBoundingClientRect();
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const frame = page
    .getByRole("button", { name: /^Frame/ })
    .element()
    .getBoundingClientRect();
  const scale = frame.width / 600;
  const event = (type: string, dx: number, dy: number) =>
    corner.dispatchEvent(
      new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, clientX: x + dx * scale, clientY: y + dy * scale }),
    );
  corner.setPointerCapture = () => undefined;
  event("pointerdown", 0, 0);
  event("pointermove", 60, 40);
  event("pointerup", 60, 40);
  event("pointermove", 90, 90);
  expect(editing.box).toEqual({ left_px: 60, top_px: 40, width_px: 540, height_px: 360 });
});
