/** Seeds of noise: 64 bits, as decimal text, because a number of JavaScript would round them and a rounded seed is another picture. Pure. */

export const SEED_MAX = 2n ** 64n - 1n;

/** A seed that nobody chose. */
export function drawSeed(random: (into: BigUint64Array<ArrayBuffer>) => void = (into) => crypto.getRandomValues(into)): string {
  const drawn = new BigUint64Array(1);
  random(drawn);
  return String(drawn[0]);
}

/** Whether `text` is a seed: digits alone, not over 64 bits. */
export function isSeed(text: string): boolean {
  return /^\d{1,20}$/.test(text) && BigInt(text) <= SEED_MAX;
}
