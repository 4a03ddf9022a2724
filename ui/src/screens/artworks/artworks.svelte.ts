/** What the Artworks screen knows: the artworks of the chosen style, which of them are selected, and what is done to them. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import type { Answer } from "$lib/answer";
import {
  type Artwork,
  type ArtworkTags,
  commands,
  type Crop,
  type DatasetReport,
  type ImportReport,
  type Refusal,
  type RemovedStyle,
  type Style,
  type TagEdit,
} from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { notify } from "$lib/notify";
import { sentence } from "$lib/refusals";
import type { Selection } from "$lib/selection";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";
import { Turns } from "$lib/turns";
import { undo } from "$lib/undo.svelte";
import { sameCrop } from "./crop";
import { type Ended, Imports } from "./imports.svelte";
import { editTowards, rebased, sharedTags } from "./tagging";
import { alike, type Filter, filtered, inSight } from "./validity";

export type View = "artworks" | "report";

export class ArtworksState {
  view = $state<View>("artworks");
  filter = $state<Filter>("all");
  selected = $state.raw<Selection>(new Set());
  /** The one that the keyboard is on. */
  active = $state<number | null>(null);
  /** `null` until they have been read. */
  list = $state.raw<readonly Artwork[] | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  dataset = $state.raw<DatasetReport | null>(null);
  datasetRefusal = $state.raw<Refusal | null>(null);
  readonly imports = new Imports(
    () => (this.#before = { selected: this.selected, filter: this.filter }),
    (style, ended) => this.#ended(style, ended),
  );
  /** Paths that wait for a style to go to. */
  waiting = $state.raw<readonly string[]>([]);
  /** Whether a new style is being named. */
  naming = $state(false);
  /** Whether the styles that can come back are listed. */
  lookingBack = $state(false);
  /** The artwork in the crop editor. */
  cropping = $state<number | null>(null);
  /** Whether a tag of the selected ones is being put in another's place. */
  renaming = $state(false);
  /** What was chosen when the import under way began. */
  #before: { selected: Selection; filter: Filter } | null = null;
  #style = $state<number | null>(null);
  /** What an edit begins with is what the one before it leaves. */
  readonly #turns = new Turns();
  /** Being removed. */
  #removing = new Set<number>();
  /** Counts what was asked: an older answer is not shown. */
  #reading = 0;

  /** What became of the last import into the style that is shown. */
  readonly imported = $derived(this.imports.of(this.#style));
  readonly pairs = $derived(alike(this.list ?? []));
  readonly shown = $derived(inSight(this.list ?? [], this.filter, this.pairs, this.selected));
  /** The selected ones that are in sight. */
  readonly chosen = $derived(this.shown.filter(({ id }) => this.selected.has(id)));

  find(id: number | null): Artwork | undefined {
    return this.list?.find((artwork) => artwork.id === id);
  }

  /** Shows the artworks of a style. */
  async open(style: number): Promise<void> {
    if (style === this.#style) return;
    this.#style = style;
    this.list = this.dataset = null;
    this.selected = new Set();
    this.active = this.cropping = null;
    this.renaming = false;
    this.filter = "all";
    await this.reload();
  }

  async reload(): Promise<void> {
    const [style, reading] = [this.#style, ++this.#reading];
    if (style === null) return;
    const [list, report] = await Promise.all([commands.artworkList(style), commands.styleReport(style)]);
    if (reading !== this.#reading) return;
    this.refusal = list.status === "error" ? list.error : null;
    if (list.status === "ok") this.list = list.data;
    // What was being cropped may have gone; if it comes back, its editor does not open by itself.
    if (!this.find(this.cropping)) this.cropping = null;
    this.datasetRefusal = report.status === "error" ? report.error : null;
    this.dataset = report.status === "ok" ? report.data : null;
  }

  /** Shows what a filter leaves; what it does not show is no longer selected. */
  show(filter: Filter): void {
    const left = new Set(filtered(this.list ?? [], filter, this.pairs).map(({ id }) => id));
    this.filter = filter;
    this.selected = new Set([...this.selected].filter((id) => left.has(id)));
  }

  /** Shows an artwork beside those that look like it. */
  compare(artwork: Artwork): void {
    this.show("alike");
    this.active = artwork.id;
  }

  /** Makes a style, chooses it, and takes in what was waiting for one; answers why it could not. */
  async create(name: string, model: string): Promise<Refusal | null> {
    const answer = await commands.styleCreate(name, model);
    if (answer.status === "error") return answer.error;
    const waiting = this.waiting;
    this.naming = false;
    this.waiting = [];
    await styles.load();
    styles.choose(answer.data.id);
    await this.open(answer.data.id);
    // The style is made, whatever becomes of the import and however long it takes.
    if (waiting.length > 0) void this.import([...waiting]);
    return null;
  }

  /** Puts a style out of sight, with all that belongs to it. */
  async removeStyle(style: Style): Promise<void> {
    const answer = await commands.styleRemove(style.id);
    // Before the styles are read again: from then on the next one is shown.
    if (answer.status === "ok" && this.#style === style.id) this.#style = null;
    if (!(await this.#did(answer))) return;
    const restore = async () => {
      const back = await this.#did(await commands.styleRestore(style.id));
      if (back) styles.choose(style.id);
      return back;
    };
    undo.push({ label: t("artworks.style.removed", { style: style.name }), undo: restore });
  }

  /** Brings a removed style back, with all that belongs to it, and shows it. */
  async restoreStyle(removed: RemovedStyle): Promise<boolean> {
    const answer = await commands.styleRestore(removed.id);
    if (!(await this.#did(answer)) || answer.status === "error") return false;
    styles.choose(removed.id);
    announce(t("artworks.removed-styles.back", { style: answer.data.name }));
    return true;
  }

  /** Takes in files and folders; without a style, asks for one first. */
  async import(paths: string[]): Promise<void> {
    const style = this.#style;
    if (style === null) {
      this.waiting = [...this.waiting, ...paths];
      this.naming = true;
      return;
    }
    await this.imports.take(style, paths);
  }

  /** Forgets what the last import into this style left out. */
  putReportAway(): void {
    if (this.#style !== null) this.imports.putAway(this.#style);
  }

  async #ended(style: number, ended: Ended): Promise<void> {
    if (ended.status === "ok") this.#arrived(style, ended.data);
    else if (style !== this.#style) toasts.refuse(ended.error);
    const came = ended.status === "ok" ? t("artworks.import.arrived", { count: ended.data.imported.length }) : sentence(ended.error);
    await Promise.all([this.#settle(), notify(t("artworks.report.title"), came)]);
  }

  #arrived(style: number, report: ImportReport): void {
    const ids = report.imported.map(({ artwork }) => artwork);
    const busy = this.cropping !== null || this.naming || this.lookingBack || this.renaming;
    const untouched = this.selected === this.#before?.selected && this.filter === this.#before.filter;
    if (style === this.#style && untouched && !busy) {
      // What just came is what will be tagged next, unless somebody has turned to something else meanwhile.
      this.selected = new Set(ids);
      this.active = ids[0] ?? this.active;
      this.filter = "all";
    }
    if (ids.length === 0) return announce(t("artworks.import.arrived", { count: 0 }));
    undo.push({
      label: t("artworks.import.arrived", { count: ids.length }),
      undo: () => this.#remove(ids),
      redo: () => this.#restore(ids),
    });
  }

  /** Makes of the common tags that were `seen` those that are `wanted`, in this order. */
  async setCommon(artworks: readonly Artwork[], wanted: readonly string[], seen: readonly string[]): Promise<void> {
    await this.#tag(artworks, (now) => editTowards(now, rebased(sharedTags(now).common, seen, wanted)));
  }

  async editTags(artworks: readonly Artwork[], edit: TagEdit): Promise<void> {
    await this.#tag(artworks, () => edit);
  }

  /** `editOf` is asked when its turn comes: the edit before it may still be under way. */
  #tag(artworks: readonly Artwork[], editOf: (now: readonly Artwork[]) => TagEdit | ArtworkTags[] | null): Promise<void> {
    return this.#turns.take(async () => {
      const now = await this.#now(artworks);
      if (!now || now.length === 0) return;
      const edit = editOf(now);
      if (edit === null) return;
      const ids = now.map(({ id }) => id);
      const before = now.map(({ id, tags }) => ({ artwork: id, tags }));
      const run = async () => this.#did(Array.isArray(edit) ? await commands.artworkTagsSet(edit) : await commands.artworkTag(ids, edit));
      if (!(await run())) return;
      const label = t("artworks.tags.changed", { count: ids.length });
      // The chips show it at once; a toast for every tag would be in the way.
      undo.push(
        {
          label,
          undo: () => this.#turns.take(async () => this.#did(await commands.artworkTagsSet(before))),
          redo: () => this.#turns.take(run),
        },
        { quiet: true },
      );
      announce(label);
    });
  }

  /** Keeps a crop and a turn; the file stays as it is. Whether that could be done. */
  async frame(artwork: Artwork, crop: Crop | null, quarterTurns: number): Promise<boolean> {
    if (!(await this.#did(await commands.artworkCrop(artwork.id, crop, quarterTurns)))) return false;
    const framed = { ...artwork, crop, quarter_turns: quarterTurns };
    undo.push({
      label: t("artworks.crop.changed", { name: artwork.file_name }),
      undo: () => this.#reframe(framed, artwork),
      redo: () => this.#reframe(artwork, framed),
    });
    return true;
  }

  /** Makes the crop `to` where it is still `from`, and turns on by as much as lies between them: it may have been turned since. */
  async #reframe(from: Artwork, to: Artwork): Promise<boolean> {
    const now = await this.#now([from]);
    if (!now) return false;
    // One that was removed since is as it was left.
    const [its = from] = now;
    const turns = (its.quarter_turns + to.quarter_turns - from.quarter_turns + 4) % 4;
    return this.#did(await commands.artworkCrop(its.id, sameCrop(its.crop, from.crop) ? to.crop : its.crop, turns));
  }

  /** Turns artworks by quarters clockwise. */
  async turn(artworks: readonly Artwork[], by: 1 | -1): Promise<void> {
    const ids = artworks.map(({ id }) => id);
    const set = async (quarters: number) => this.#did(await commands.artworkTurn(ids, quarters));
    const [there, back] = by === 1 ? [1, 3] : [3, 1];
    if (!(await set(there))) return;
    undo.push(
      {
        label: t("artworks.turn.changed", { count: artworks.length }),
        undo: () => set(back),
        redo: () => set(there),
      },
      { quiet: true },
    );
  }

  async remove(artworks: readonly Artwork[]): Promise<void> {
    // Whoever presses twice removes them once.
    const ids = artworks.map(({ id }) => id).filter((id) => !this.#removing.has(id));
    if (ids.length === 0) return;
    const next = this.shown.find(({ id }, place) => !ids.includes(id) && place > this.shown.findIndex((artwork) => artwork.id === ids[0]));
    for (const id of ids) this.#removing.add(id);
    const removed = await this.#remove(ids);
    for (const id of ids) this.#removing.delete(id);
    if (!removed) return;
    this.active = next?.id ?? null;
    this.selected = new Set(next ? [next.id] : []);
    undo.push({ label: t("artworks.removed.note", { count: ids.length }), undo: () => this.#restore(ids), redo: () => this.#remove(ids) });
  }

  async #remove(ids: number[]): Promise<boolean> {
    return this.#did(await commands.artworkRemove(ids));
  }

  async #restore(ids: number[]): Promise<boolean> {
    const back = await this.#did(await commands.artworkRestore(ids));
    // Those of another style come back out of sight.
    if (back && ids.some((id) => this.find(id))) this.selected = new Set(ids);
    return back;
  }

  /** Artworks of one style as the studio has them, without those that have gone; `null` when it refuses to say. */
  async #now(artworks: readonly Artwork[]): Promise<readonly Artwork[] | null> {
    const [first] = artworks;
    if (!first) return [];
    const answer = await commands.artworkList(first.style);
    if (answer.status === "error") {
      toasts.refuse(answer.error);
      return null;
    }
    const ids = new Set(artworks.map(({ id }) => id));
    return answer.data.filter(({ id }) => ids.has(id));
  }

  /** Shows what a command did, or says why it did nothing. */
  async #did(answer: Answer<unknown>): Promise<boolean> {
    if (answer.status === "error") toasts.refuse(answer.error);
    await this.#settle();
    return answer.status === "ok";
  }

  async #settle(): Promise<void> {
    await Promise.all([this.reload(), styles.load()]);
  }
}

export const [artworksState, provideArtworksState] = createContext<ArtworksState>();
