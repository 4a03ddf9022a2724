/** Arithmetic of the line chart. Pure. */

/** `[x, y]`. */
export type Point = readonly [number, number];

/** Exponential mean of the values, so that the direction of a noisy loss is seen; unbiased at the start. */
export function smooth(points: readonly Point[], keep = 0.9): Point[] {
  let mean = 0;
  let weight = 0;
  return points.map(([x, y]) => {
    mean = mean * keep + y * (1 - keep);
    weight = weight * keep + (1 - keep);
    return [x, mean / weight];
  });
}

/** At most `count` of the points, evenly spread, with first and last. */
export function thin<T>(points: readonly T[], count: number): T[] {
  if (points.length <= count) return [...points];
  const stride = (points.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => points[Math.round(i * stride)]).filter((point) => point !== undefined);
}

/** Round values from `from` to `to` for an axis, about `count` of them. */
export function ticks(from: number, to: number, count: number): number[] {
  const rough = (to - from) / Math.max(1, count);
  if (!(rough > 0)) return [from];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((to - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

/** An SVG path through the points. */
export function path(points: readonly Point[], x: (value: number) => number, y: (value: number) => number): string {
  return points.map(([px, py], i) => `${i === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
}

/** The point whose x is nearest; points go by rising x. */
export function nearest(points: readonly Point[], x: number): Point | undefined {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? 0) < x) low = middle + 1;
    else high = middle;
  }
  const after = points[low];
  const before = points[low - 1];
  if (!after || !before) return after ?? before;
  return x - before[0] < after[0] - x ? before : after;
}
