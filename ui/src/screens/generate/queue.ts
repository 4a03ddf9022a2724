/** Where a job goes in the queue. Pure. */

/** The job that `id` stands before when it is moved to the place `to`; `null` for the end. */
export function beforeAt(ids: readonly number[], id: number, to: number): number | null {
  return ids.filter((other) => other !== id)[to] ?? null;
}

/** The place that a pointer at `y` means: as many rows as it has passed the middle of. */
export function placeAt(middles: readonly number[], y: number): number {
  return middles.filter((middle) => middle < y).length;
}
