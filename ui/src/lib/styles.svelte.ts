/** The styles there are, and the one that Artworks and Train work on. */
import { commands, events, type Refusal, type Style } from "$lib/bindings";
import { settings } from "$lib/settings.svelte";

class Styles {
  /** By name. */
  list = $state.raw<Style[]>([]);
  /** Whether `list` has been read at least once. */
  loaded = $state(false);
  #chosen = $state<number | null>(null);

  /** The chosen style; the newest one while none is. */
  get current(): Style | null {
    return this.list.find((style) => style.id === this.#chosen) ?? this.newestFirst[0] ?? null;
  }

  get newestFirst(): Style[] {
    return this.list.toSorted((a, b) => b.id - a.id);
  }

  async start(): Promise<Refusal | null> {
    this.#chosen = settings.current.last_style;
    await events.libraryChanged.listen(({ payload }) => {
      if (payload.what === "styles") void this.load();
    });
    return this.load();
  }

  async load(): Promise<Refusal | null> {
    const answer = await commands.styleList();
    if (answer.status === "error") return answer.error;
    this.list = answer.data;
    this.loaded = true;
    return null;
  }

  /** Chooses a style, now and at the next start. */
  choose(id: number): void {
    if (this.#chosen === id) return;
    this.#chosen = id;
    void settings.change({ last_style: id });
  }
}

export const styles = new Styles();
