/** What the gallery is searched for, as the screen holds it, and as the studio is asked. Pure. */
import type { GalleryFilter } from "$lib/bindings";

export interface Search {
  text: string;
  style: number | null;
  tags: string[];
  /** Days as `<input type=date>` writes them, both included; empty is open. */
  from: string;
  to: string;
  ratingMin: number;
  /** What was removed lately, in place of what is there. */
  removed: boolean;
}

export function emptySearch(): Search {
  return { text: "", style: null, tags: [], from: "", to: "", ratingMin: 0, removed: false };
}

/** Whether nothing narrows what is shown: all that is there, or all that was removed. */
export function isEmpty(search: Search): boolean {
  return (
    search.text.trim() === "" && search.style === null && search.tags.length === 0 && !search.from && !search.to && search.ratingMin === 0
  );
}

/** The first moment of a day where the person is, `later` days on; `null` for what is no day. */
function dayBegins(day: string, later = 0): string | null {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return null;
  const moment = new Date(year, month - 1, date + later);
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString();
}

export function filterOf(search: Search): GalleryFilter {
  return {
    style: search.style,
    tags: [...search.tags],
    text: search.text.trim(),
    from: dayBegins(search.from),
    to: dayBegins(search.to, 1),
    rating_min: search.ratingMin || null,
    removed: search.removed,
  };
}

/** The day `ago` days before `now`, as a date field writes it. */
export function dayAgo(now: Date, ago: number): string {
  const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() - ago);
  const two = (part: number) => String(part).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
