/** The base models: which are here, which can be got, and the downloads and imports under way. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import { commands, events, type AvailableModel, type InstalledModel, type Refusal } from "$lib/bindings";
import { list, t } from "$lib/i18n.svelte";
import { modelName } from "$lib/model-names";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";

/** What has arrived of a download, in bytes; `all` is `null` while the server does not say. */
export interface Download {
  readonly file: string;
  readonly have: number;
  readonly all: number | null;
}

export type ImportKind = "model" | "style";

export class ModelsState {
  installed = $state.raw<InstalledModel[] | null>(null);
  available = $state.raw<AvailableModel[]>([]);
  refusal = $state.raw<Refusal | null>(null);
  /** Downloads under way, by model. */
  downloads = $state.raw<ReadonlyMap<string, Download>>(new Map());
  /** Why the last download of a model ended early. */
  stopped = $state.raw<ReadonlyMap<string, Refusal>>(new Map());
  verifying = $state<string | null>(null);
  /** Files that are not what they were, by model; none means that it is whole. */
  verified = $state.raw<ReadonlyMap<string, string[]>>(new Map());
  /** What is to be imported. */
  draft = $state<{ kind: ImportKind; path: string; name: string; model: string }>({ kind: "model", path: "", name: "", model: "starter" });
  importing = $state(false);
  importRefusal = $state.raw<Refusal | null>(null);

  constructor() {
    void events.downloadProgressed.listen(({ payload: { id, ...download } }) => {
      this.downloads = new Map(this.downloads).set(id, download);
    });
    void events.downloadEnded.listen(({ payload }) => this.#downloadEnded(payload.id, payload.refusal));
    void events.libraryChanged.listen(({ payload }) => payload.what === "models" && void this.load());
  }

  async load(): Promise<void> {
    const answer = await commands.modelList();
    if (answer.status === "error") {
      this.refusal = answer.error;
      return;
    }
    this.refusal = null;
    this.installed = answer.data.installed;
    this.available = answer.data.available.filter(({ id }) => !answer.data.installed.some((model) => model.id === id));
    for (const model of this.available) {
      if (model.downloading && !this.downloads.has(model.id)) this.#began(model);
    }
  }

  async download(model: AvailableModel): Promise<void> {
    this.#setStopped(model.id, null);
    this.#began(model);
    const answer = await commands.modelDownload(model.id);
    if (answer.status === "error") this.#downloadEnded(model.id, answer.error);
  }

  async stopDownload(id: string): Promise<void> {
    const answer = await commands.modelDownloadCancel(id);
    if (answer.status === "error") this.#setStopped(id, answer.error);
  }

  /** What a check of a model's files came to: they are compared with what was published, or with what an import took in. */
  verdict({ published }: InstalledModel, damaged: readonly string[]): string {
    if (damaged.length === 0) return t(published ? "models.verify.whole" : "models.verify.unchanged");
    return t(published ? "models.verify.damaged" : "models.verify.changed", { files: list(damaged) });
  }

  async verify(model: InstalledModel): Promise<void> {
    const { id } = model;
    this.verifying = id;
    const answer = await commands.modelVerify(id);
    this.verifying = null;
    if (answer.status === "error") {
      toasts.refuse(answer.error);
      return;
    }
    this.verified = new Map(this.verified).set(id, answer.data);
    announce(this.verdict(model, answer.data));
  }

  async remove(id: string): Promise<void> {
    const answer = await commands.modelRemove(id);
    if (answer.status === "error") toasts.refuse(answer.error);
    else toasts.show(t("models.removed.note", { name: modelName(id) }));
    await this.load();
  }

  /** Imports what the draft names; a dropped path comes in through it, too. */
  async import(path = this.draft.path): Promise<void> {
    this.draft.path = path;
    this.importing = true;
    this.importRefusal = null;
    const name = this.draft.name.trim() || null;
    const answer =
      this.draft.kind === "model" ? await commands.modelImport(path, name) : await commands.styleImport(path, name, this.draft.model);
    this.importing = false;
    if (answer.status === "error") {
      this.importRefusal = answer.error;
      return;
    }
    toasts.show(t("models.imported.note", { name: "name" in answer.data ? answer.data.name : answer.data.id }), { tone: "good" });
    this.draft.path = this.draft.name = "";
    await Promise.all([this.load(), styles.load()]);
  }

  #began(model: AvailableModel): void {
    this.downloads = new Map(this.downloads).set(model.id, { file: "", have: model.partial_bytes, all: model.bytes });
  }

  #downloadEnded(id: string, refusal: Refusal | null): void {
    const rest = new Map(this.downloads);
    rest.delete(id);
    this.downloads = rest;
    this.#setStopped(id, refusal?.code === "cancelled" ? null : refusal);
    if (!refusal) toasts.show(t("models.downloaded.note", { name: modelName(id) }), { tone: "good" });
    void this.load();
  }

  #setStopped(id: string, refusal: Refusal | null): void {
    const rest = new Map(this.stopped);
    if (refusal) rest.set(id, refusal);
    else rest.delete(id);
    this.stopped = rest;
  }
}

export const [modelsState, provideModelsState] = createContext<ModelsState>();
