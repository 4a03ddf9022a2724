/** What a click or a key does to a selection in a list, as file managers do it. Pure. */

export type Selection = ReadonlySet<number>;

export interface Marked {
  readonly selected: Selection;
  /** The end from which a range grows. */
  readonly anchor: number;
}

/** How the item at `at` is reached: alone, added or taken away, or as the other end of a range. */
export type Reach = "alone" | "toggle" | "range";

/** The selection after `at`, an index into `ids`, was reached. */
export function reach(ids: readonly number[], before: Marked, at: number, how: Reach): Marked {
  const id = ids[at];
  if (id === undefined) return before;
  switch (how) {
    case "alone":
      return { selected: new Set([id]), anchor: at };
    case "toggle": {
      const selected = new Set(before.selected);
      if (!selected.delete(id)) selected.add(id);
      return { selected, anchor: at };
    }
    case "range": {
      const [from, to] = before.anchor < at ? [before.anchor, at] : [at, before.anchor];
      return { selected: new Set(ids.slice(Math.max(0, from), to + 1)), anchor: before.anchor };
    }
  }
}

/** Where a key leads in a grid of `columns`; `null` for keys that lead nowhere. */
export function stride(key: string, at: number, count: number, columns: number, rowsInView: number): number | null {
  const last = count - 1;
  const to = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns < 0 ? at : at - columns,
    ArrowDown: at + columns > last ? (Math.floor(at / columns) < Math.floor(last / columns) ? last : at) : at + columns,
    PageUp: at - columns * rowsInView,
    PageDown: at + columns * rowsInView,
    Home: 0,
    End: last,
  }[key];
  return to === undefined ? null : Math.max(0, Math.min(last, to));
}
