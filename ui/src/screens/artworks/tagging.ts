/** Tags of several artworks at once. Pure. */
import type { Artwork, ArtworkTags, TagEdit } from "$lib/bindings";

type Tagged = Pick<Artwork, "id" | "tags">;

export interface SharedTags {
  /** Those that every artwork has, in the order of the first one. */
  readonly common: string[];
  /** Those that only some have, the most frequent first. */
  readonly some: readonly { readonly tag: string; readonly count: number }[];
}

export function sharedTags(artworks: readonly Tagged[]): SharedTags {
  const counts = new Map<string, number>();
  for (const tag of artworks.flatMap(({ tags }) => tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const common = (artworks[0]?.tags ?? []).filter((tag) => counts.get(tag) === artworks.length);
  const some = [...counts].filter(([, count]) => count < artworks.length).map(([tag, count]) => ({ tag, count }));
  return { common, some: some.sort((a, b) => b.count - a.count || a.tag.localeCompare(b.tag)) };
}

/** The tags with those of `order` in that order, on the places that they have together. */
export function reordered(tags: readonly string[], order: readonly string[]): string[] {
  const wanted = order.filter((tag) => tags.includes(tag)).values();
  return tags.map((tag) => (order.includes(tag) ? (wanted.next().value ?? tag) : tag));
}

/** The tags of `now` with what was changed between `seen` and `wanted`: they may have been changed again since they were seen. */
export function rebased(now: readonly string[], seen: readonly string[], wanted: readonly string[]): string[] {
  const added = wanted.filter((tag) => !seen.includes(tag));
  const removed = seen.filter((tag) => !wanted.includes(tag));
  if (added.length === 0 && removed.length === 0) return reordered(now, wanted);
  return [...now.filter((tag) => !removed.includes(tag)), ...added.filter((tag) => !now.includes(tag))];
}

/** What has to be done so that the common tags of some artworks become `wanted`; `null` when they are already. */
export function editTowards(artworks: readonly Tagged[], wanted: readonly string[]): TagEdit | ArtworkTags[] | null {
  const { common } = sharedTags(artworks);
  const add = wanted.filter((tag) => !common.includes(tag));
  const remove = common.filter((tag) => !wanted.includes(tag));
  if (add.length > 0 && remove.length > 0) {
    const kept = (tags: readonly string[]) => tags.filter((tag) => !remove.includes(tag));
    return artworks.map(({ id, tags }) => ({ artwork: id, tags: [...kept(tags), ...add.filter((tag) => !tags.includes(tag))] }));
  }
  if (add.length > 0) return { add };
  if (remove.length > 0) return { remove };
  if (common.every((tag, place) => wanted[place] === tag)) return null;
  return artworks.map(({ id, tags }) => ({ artwork: id, tags: reordered(tags, wanted) }));
}
