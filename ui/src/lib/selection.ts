/** What a click or a key does to a selection in a list, as file managers do it. Pure. */

export type Selection = ReadonlySet<number>;

export interface Marked {
  readonly selected: Selection;
  /** The one from which the last range grew or the next one would; `null` before any was reached. */
  readonly anchor: number | null;
}

/** How the item at `at` is reached: alone, added or taken away, or as the other end of a range. */
export type Reach = "alone" | "toggle" | "range";

/** The selection after `at`, an index into `ids`, was reached from `active`, the one that the keyboard was on. */
export function reach(ids: readonly number[], before: Marked, active: number | null, at: number, how: Reach): Marked {
  const id = ids[at];
  if (id === undefined) return before;
  switch (how) {
    case "alone":
      return { selected: new Set([id]), anchor: id };
    case "toggle": {
      const selected = new Set(before.selected);
      if (!selected.delete(id)) selected.add(id);
      return { selected, anchor: id };
    }
    case "range": {
      const start = startOf(ids, before, active) ?? at;
      const [from, to] = start < at ? [start, at] : [at, start];
      return { selected: new Set(ids.slice(from, to + 1)), anchor: ids[start] ?? id };
    }
  }
}

/** Where a range starts: where the last one did, unless something else was selected since; then where the keyboard is. */
function startOf(ids: readonly number[], { selected, anchor }: Marked, active: number | null): number | undefined {
  const starts = anchor !== null && selected.has(anchor) ? [anchor, active] : [active];
  return starts.map((id) => (id === null ? -1 : ids.indexOf(id))).find((place) => place >= 0);
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
