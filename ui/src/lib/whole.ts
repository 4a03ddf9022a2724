/** Typed numbers as the studio takes them, whose counts are whole and have 32 bits. Pure. */

const WHOLE_MAX = 2 ** 32 - 1;

/** The nearest number that can be sent; whether so much may be asked for is said by the studio. */
export function whole(typed: number): number {
  return Math.min(WHOLE_MAX, Math.max(0, Math.round(typed)));
}
