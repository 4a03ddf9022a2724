/** Keys that mean the same in the grid and before a picture. */

/** The rating that a plain digit stands for; `null` for other keys. */
export function ratingKey(event: KeyboardEvent): number | null {
  return /^[0-5]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey ? Number(event.key) : null;
}
