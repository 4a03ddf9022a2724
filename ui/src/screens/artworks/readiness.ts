/** How far a style is from being trained. Pure. */

/** Fewest and most valid artworks that a style is trained from. */
const ARTWORKS_MIN = 10;
const ARTWORKS_MAX = 100;

export interface Readiness {
  readonly min: number;
  readonly max: number;
  readonly ready: boolean;
  /** Which sentence says it, and the number in it: how many are there, missing, or too many. */
  readonly says: "ready" | "missing" | "too-many";
  readonly count: number;
}

export function readinessOf(valid: number): Readiness {
  const range = { min: ARTWORKS_MIN, max: ARTWORKS_MAX };
  if (valid < ARTWORKS_MIN) return { ...range, ready: false, says: "missing", count: ARTWORKS_MIN - valid };
  if (valid > ARTWORKS_MAX) return { ...range, ready: false, says: "too-many", count: valid - ARTWORKS_MAX };
  return { ...range, ready: true, says: "ready", count: valid };
}
