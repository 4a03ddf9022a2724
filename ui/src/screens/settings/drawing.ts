/** Strokes of a pen, and how they become a picture of their own size. Pure, but for the canvas that it is given. */

export interface Dot {
  readonly x: number;
  readonly y: number;
}

export type Stroke = readonly Dot[];

/** Room around the ink, so that the pen's width is not cut. */
const MARGIN_PX = 8;

/** Draws strokes as smooth lines: each dot bends the curve between the middles of its neighbours. */
export function paint(context: CanvasRenderingContext2D, strokes: readonly Stroke[], pen: { width: number; color: string }): void {
  context.lineWidth = pen.width;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = context.fillStyle = pen.color;
  for (const [first, ...rest] of strokes) {
    if (!first) continue;
    context.beginPath();
    context.moveTo(first.x, first.y);
    if (rest.length === 0) context.lineTo(first.x + 0.01, first.y);
    for (const [index, dot] of rest.entries()) {
      const next = rest[index + 1];
      if (next) context.quadraticCurveTo(dot.x, dot.y, (dot.x + next.x) / 2, (dot.y + next.y) / 2);
      else context.lineTo(dot.x, dot.y);
    }
    context.stroke();
  }
}

/** The box that holds all strokes; `null` when there are none. */
export function bounds(strokes: readonly Stroke[]): { left: number; top: number; width: number; height: number } | null {
  const dots = strokes.flat();
  if (dots.length === 0) return null;
  const left = Math.min(...dots.map(({ x }) => x)) - MARGIN_PX;
  const top = Math.min(...dots.map(({ y }) => y)) - MARGIN_PX;
  const width = Math.max(...dots.map(({ x }) => x)) + MARGIN_PX - left;
  const height = Math.max(...dots.map(({ y }) => y)) + MARGIN_PX - top;
  return { left, top, width, height };
}

/** The strokes as a transparent PNG, cut to the ink. `scale` is pixels of the picture for one of the drawing. */
export async function png(strokes: readonly Stroke[], pen: { width: number; color: string }, scale: number): Promise<Uint8Array | null> {
  const box = bounds(strokes);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (!box || !context) return null;
  canvas.width = Math.ceil(box.width * scale);
  canvas.height = Math.ceil(box.height * scale);
  context.scale(scale, scale);
  context.translate(-box.left, -box.top);
  paint(context, strokes, pen);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  return blob && new Uint8Array(await blob.arrayBuffer());
}
