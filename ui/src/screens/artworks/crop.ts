/**
 * Arithmetic of the crop editor. Boxes are in pixels of a picture; the studio keeps them as the picture lies in its file, the
 * editor works on the picture as it was turned. Pure.
 */
import type { Crop } from "$lib/bindings";

export interface Size {
  readonly width_px: number;
  readonly height_px: number;
}

/** The side or corner of a box that is pulled: −1 is left or top, 1 right or bottom, 0 neither. */
export interface Handle {
  readonly x: -1 | 0 | 1;
  readonly y: -1 | 0 | 1;
}

/** Corners first, then sides; Tab goes through them in this order. */
export const HANDLES: readonly Handle[] = [
  { x: -1, y: -1 },
  { x: 1, y: -1 },
  { x: 1, y: 1 },
  { x: -1, y: 1 },
  { x: 0, y: -1 },
  { x: 1, y: 0 },
  { x: 0, y: 1 },
  { x: -1, y: 0 },
];

/** Smallest side of a crop: below this nothing can be aimed at. */
export const SIDE_PX_MIN = 16;

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(value, most));

/** The box of a whole picture. */
export function whole(size: Size): Crop {
  return { left_px: 0, top_px: 0, width_px: size.width_px, height_px: size.height_px };
}

/** Whether a box is all of the picture, which is kept as no crop. */
export function isWhole(box: Crop, size: Size): boolean {
  return box.width_px === size.width_px && box.height_px === size.height_px;
}

/** Whether two crops are the same one. */
export function sameCrop(one: Crop | null, other: Crop | null): boolean {
  if (!one || !other) return one === other;
  const placed = one.left_px === other.left_px && one.top_px === other.top_px;
  return placed && one.width_px === other.width_px && one.height_px === other.height_px;
}

/** The size of a picture after quarter turns. */
export function turnedSize(size: Size, quarterTurns: number): Size {
  return quarterTurns % 2 === 0 ? size : { width_px: size.height_px, height_px: size.width_px };
}

/** Where a box of a picture of `size` lies after quarter turns clockwise; negative ones turn back. */
export function turned(box: Crop, size: Size, quarterTurns: number): Crop {
  let [at, around] = [box, size];
  for (let turn = 0; turn < ((quarterTurns % 4) + 4) % 4; turn++) {
    at = { left_px: around.height_px - at.top_px - at.height_px, top_px: at.left_px, width_px: at.height_px, height_px: at.width_px };
    around = turnedSize(around, 1);
  }
  return at;
}

/** The box moved, as far as the picture reaches. */
export function moved(box: Crop, size: Size, dx: number, dy: number): Crop {
  return {
    ...box,
    left_px: clamp(Math.round(box.left_px + dx), 0, size.width_px - box.width_px),
    top_px: clamp(Math.round(box.top_px + dy), 0, size.height_px - box.height_px),
  };
}

/** One direction of a pull: how long the side becomes, how long it may become, and where it then starts. */
function pull(start: number, length: number, end: number, side: -1 | 0 | 1, by: number) {
  const middle = start + length / 2;
  const room = { "-1": start + length, "1": end - start, "0": 2 * Math.min(middle, end - middle) }[`${side}`];
  return {
    length: clamp(length + side * by, Math.min(SIDE_PX_MIN, length), room),
    room,
    start: (became: number) => ({ "-1": start + length - became, "1": start, "0": middle - became / 2 })[`${side}`],
  };
}

/**
 * The box after `handle` was pulled by (dx, dy). What lies opposite stays; with a `ratio` (width over height) the other side
 * follows, and the box stops growing where one of the two meets the edge.
 */
export function resized(box: Crop, size: Size, handle: Handle, dx: number, dy: number, ratio: number | null): Crop {
  const x = pull(box.left_px, box.width_px, size.width_px, handle.x, dx);
  const y = pull(box.top_px, box.height_px, size.height_px, handle.y, dy);
  let [width, height] = [x.length, y.length];
  if (ratio !== null) {
    const widthLeads = handle.x !== 0 && (handle.y === 0 || Math.abs(dx) >= Math.abs(dy));
    [width, height] = widthLeads ? [width, width / ratio] : [height * ratio, height];
    const fits = Math.min(1, x.room / width, y.room / height);
    [width, height] = [width * fits, height * fits];
  }
  return settled({ left_px: x.start(width), top_px: y.start(height), width_px: width, height_px: height }, size);
}

/** The largest box of `ratio` that has its middle where this one has it. */
export function shaped(box: Crop, size: Size, ratio: number): Crop {
  const [middleX, middleY] = [box.left_px + box.width_px / 2, box.top_px + box.height_px / 2];
  const width = Math.min(Math.max(box.width_px, box.height_px * ratio), size.width_px, size.height_px * ratio);
  const height = width / ratio;
  const left = clamp(middleX - width / 2, 0, size.width_px - width);
  const top = clamp(middleY - height / 2, 0, size.height_px - height);
  return settled({ left_px: left, top_px: top, width_px: width, height_px: height }, size);
}

/** Whole pixels inside the picture. */
function settled(box: Crop, size: Size): Crop {
  const width_px = clamp(Math.round(box.width_px), 1, size.width_px);
  const height_px = clamp(Math.round(box.height_px), 1, size.height_px);
  return {
    left_px: clamp(Math.round(box.left_px), 0, size.width_px - width_px),
    top_px: clamp(Math.round(box.top_px), 0, size.height_px - height_px),
    width_px,
    height_px,
  };
}
