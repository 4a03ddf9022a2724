/** A crop that is being made: box and turn, in pixels of the picture as it was turned. */
import type { Artwork, Crop } from "$lib/bindings";
import { type Handle, moved, resized, shaped, type Size, turned, turnedSize, whole } from "./crop";

/** Width over height by name; `free` has none, `own` is that of the picture. */
export const SHAPES = ["free", "own", "1:1", "4:3", "3:4", "16:9", "9:16"] as const;
export type Shape = (typeof SHAPES)[number];

export class Editing {
  readonly #artwork: Artwork;
  box = $state.raw<Crop>({ left_px: 0, top_px: 0, width_px: 1, height_px: 1 });
  turns = $state(0);
  shape = $state<Shape>("free");

  /** Of the picture as it is turned. */
  readonly size: Size = $derived.by(() => turnedSize(this.#artwork, this.turns));
  readonly ratio: number | null = $derived.by(() => this.#ratioOf(this.shape));

  constructor(artwork: Artwork) {
    this.#artwork = artwork;
    this.turns = artwork.quarter_turns;
    this.box = turned(artwork.crop ?? whole(artwork), artwork, artwork.quarter_turns);
  }

  move(dx: number, dy: number, from: Crop = this.box): void {
    this.box = moved(from, this.size, dx, dy);
  }

  pull(handle: Handle, dx: number, dy: number, from: Crop = this.box): void {
    this.box = resized(from, this.size, handle, dx, dy, this.ratio);
  }

  /** Turns picture and box together by quarters clockwise. */
  turn(by: 1 | -1): void {
    this.box = turned(this.box, this.size, by);
    this.turns = (this.turns + by + 4) % 4;
    if (this.shape !== "own") this.shape = "free";
  }

  lock(shape: Shape): void {
    this.shape = shape;
    const ratio = this.#ratioOf(shape);
    if (ratio !== null) this.box = shaped(this.box, this.size, ratio);
  }

  /** All of the picture, as it lies in its file. */
  reset(): void {
    this.turns = 0;
    this.shape = "free";
    this.box = whole(this.size);
  }

  #ratioOf(shape: Shape): number | null {
    if (shape === "free") return null;
    if (shape === "own") return this.size.width_px / this.size.height_px;
    const [width = 1, height = 1] = shape.split(":").map(Number);
    return width / height;
  }
}
