/** A drawn signature becomes a picture that is cut to its ink. */
import { expect, test } from "vitest";
import { bounds, png } from "../src/screens/settings/drawing";

const PEN = { width: 4, color: "#141414" };
const STROKE = [
  { x: 100, y: 50 },
  { x: 150, y: 90 },
  { x: 200, y: 60 },
];

test("nothing drawn is no picture", async () => {
  expect(bounds([])).toBeNull();
  expect(await png([], PEN, 3)).toBeNull();
});

test("the picture has the size of the ink and a clear ground", async () => {
  const bytes = await png([STROKE], PEN, 3);
  const picture = await createImageBitmap(new Blob([new Uint8Array(bytes ?? [])], { type: "image/png" }));
  expect([picture.width, picture.height]).toEqual([(100 + 16) * 3, (40 + 16) * 3]);
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d");
  context?.drawImage(picture, 0, 0);
  const alpha = (x: number, y: number) => context?.getImageData(x, y, 1, 1).data[3];
  expect(alpha(0, 0)).toBe(0);
  expect(alpha(8 * 3, 8 * 3)).toBe(255);
});
