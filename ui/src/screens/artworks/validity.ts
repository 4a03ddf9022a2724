/** What stands against an artwork, and what can be done about it. Pure. */
import type { Artwork } from "$lib/bindings";
import type { Selection } from "$lib/selection";

/** A way out that the screen can offer for an artwork that is not valid. */
export type Fix = "compare" | "uncrop" | "remove";

export function fixesFor({ validation_reason: reason, crop }: Artwork): readonly Fix[] {
  switch (reason?.code) {
    case undefined:
      return [];
    case "artwork_near_duplicate":
      return ["compare", "remove"];
    case "artwork_too_small":
      return crop ? ["uncrop", "remove"] : ["remove"];
    default:
      return ["remove"];
  }
}

export interface Pair {
  readonly one: Artwork;
  readonly other: Artwork;
}

/** Artworks that look alike: each that is not used for that reason, with the one that it looks like. The older one of a pair first. */
export function alike(artworks: readonly Artwork[]): Pair[] {
  const byId = new Map(artworks.map((artwork) => [artwork.id, artwork]));
  return artworks.flatMap((artwork) => {
    const { validation_reason: reason } = artwork;
    const other = reason?.code === "artwork_near_duplicate" && byId.get(reason.details.artwork);
    if (!other) return [];
    return [other.id < artwork.id ? { one: other, other: artwork } : { one: artwork, other }];
  });
}

export const FILTERS = ["all", "invalid", "untagged", "alike"] as const;
export type Filter = (typeof FILTERS)[number];

/** The artworks that a filter leaves; `pairs` are those that look alike. */
export function filtered(artworks: readonly Artwork[], filter: Filter, pairs: readonly Pair[]): readonly Artwork[] {
  switch (filter) {
    case "all":
      return artworks;
    case "invalid":
      return artworks.filter((artwork) => !artwork.is_valid);
    case "untagged":
      return artworks.filter((artwork) => artwork.tags.length === 0);
    case "alike":
      return artworks.filter((artwork) => pairs.some(({ one, other }) => one.id === artwork.id || other.id === artwork.id));
  }
}

/**
 * What is in sight with a filter: what it leaves, and what is selected. An artwork that was tagged stays among the untagged ones until
 * something else is selected. Those that look alike are shown in pairs, which are there or not.
 */
export function inSight(artworks: readonly Artwork[], filter: Filter, pairs: readonly Pair[], selected: Selection): readonly Artwork[] {
  const left = filtered(artworks, filter, pairs);
  if (filter === "all" || filter === "alike") return left;
  const there = new Set(left);
  return artworks.filter((artwork) => there.has(artwork) || selected.has(artwork.id));
}

/** The name that a dropped folder gives to a style: `10_Ink & Wash` → `ink wash`; kohya puts repeats in front. */
export function nameFromPath(path: string): string {
  const last = path.split(/[\\/]/).filter(Boolean).at(-1) ?? "";
  const words = last
    .replace(/\.\w{3,4}$/, "")
    .replace(/^\d+_/, "")
    .replace(/[^A-Za-z0-9]+/g, " ");
  return words.trim().toLowerCase();
}
