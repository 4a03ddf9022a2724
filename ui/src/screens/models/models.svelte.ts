/** The base models: which are here, which can be got, and the downloads and imports under way. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import { commands, events, type AvailableModel, type InstalledModel, type Refusal, type Weights } from "$lib/bindings";
import { list, t } from "$lib/i18n.svelte";
import { modelName, STARTER_MODEL } from "$lib/model-names";
import { notify } from "$lib/notify";
import { Pace } from "$lib/pace";
import { sentence } from "$lib/refusals";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";
import { Work } from "$lib/work.svelte";

/** What has arrived of a download, in bytes; `all` is `null` while the server does not say. */
export interface Download {
  readonly file: string;
  readonly have: number;
  readonly all: number | null;
  /** Seconds, while they can be told. */
  readonly left: number | null;
}

/** A file or folder that is being taken in, or why it was not. */
export class Intake {
  readonly work = new Work();
  readonly path: string;
  refusal = $state.raw<Refusal | null>(null);

  constructor(path: string) {
    this.path = path;
  }

  get name(): string {
    return this.path.split(/[\\/]/).findLast((part) => part !== "") ?? this.path;
  }
}

/** What a person may say of what is taken in. */
interface Wishes {
  /** `null`: after the file. */
  name: string | null;
  /** The model that a style is for; `null`: the one that its layers tell. */
  model: string | null;
  /** Whether a style is the person's own work. */
  own: boolean;
}

/** What is known of a path while it is typed is asked for when the typing rests. */
const TYPING_MS = 200;
const NOTHING_SAID: Wishes = { name: null, model: null, own: false };

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
  draft = $state<Wishes & { path: string; name: string }>({ ...NOTHING_SAID, path: "", name: "" });
  /** What the path of the draft is, once that is known. */
  recognised = $state.raw<Weights | null>(null);
  /** What is being taken in, and what was refused and not yet read. */
  intakes = $state.raw<readonly Intake[]>([]);
  #paces = new Map<string, Pace>();
  #typing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    void events.downloadProgressed.listen(({ payload: { id, ...download } }) => {
      const left = this.#paceOf(id).mark(download.have, download.all);
      this.downloads = new Map(this.downloads).set(id, { ...download, left });
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

  /** Removes what a stopped download has left. */
  async discardDownload(id: string): Promise<void> {
    const answer = await commands.modelDownloadDiscard(id);
    this.#setStopped(id, answer.status === "error" ? answer.error : null);
    await this.load();
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

  /** The path of the draft changed: looks at what it is. */
  look(): void {
    clearTimeout(this.#typing);
    this.recognised = null;
    const path = this.draft.path.trim();
    if (path !== "") this.#typing = setTimeout(() => void this.#recognise(path), TYPING_MS);
  }

  async #recognise(path: string): Promise<void> {
    const answer = await commands.modelRecognise(path);
    if (path === this.draft.path.trim()) this.recognised = answer.status === "ok" ? answer.data : null;
  }

  /** Imports what the draft names. Where it is refused, the draft comes back to be mended, unless another was begun. */
  async import(): Promise<void> {
    const { path, name, model, own } = $state.snapshot(this.draft);
    this.draft.path = this.draft.name = "";
    this.look();
    const [intake] = await this.take([path.trim()], { name: name.trim() || null, model, own });
    if (!intake?.refusal || this.draft.path !== "" || this.draft.name !== "") return;
    Object.assign(this.draft, { path, name });
    this.look();
  }

  /** Takes in files and folders, each as what it is, one after the other. */
  async take(paths: readonly string[], wishes: Wishes = NOTHING_SAID): Promise<readonly Intake[]> {
    const intakes = paths.map((path) => new Intake(path));
    this.intakes = [...this.intakes.filter(({ path }) => !paths.includes(path)), ...intakes];
    for (const intake of intakes) if (!intake.work.ending) await this.#takeIn(intake, wishes);
    await Promise.all([this.load(), styles.load()]);
    return intakes;
  }

  /** A refusal has been read, or what waits is no longer wanted. */
  forget(intake: Intake): void {
    intake.work.ending = true;
    this.intakes = this.intakes.filter((other) => other !== intake);
  }

  async #takeIn(intake: Intake, wishes: Wishes): Promise<void> {
    const answer = await this.#taken(intake, wishes);
    if (answer.status === "error" && answer.error.code !== "cancelled") {
      intake.refusal = answer.error;
      return;
    }
    this.forget(intake);
    if (answer.status === "error") return;
    const note = t("models.imported.note", { name: "name" in answer.data ? answer.data.name : answer.data.id });
    toasts.show(note, { tone: "good" });
    await notify(t("models.import.title"), note);
  }

  async #taken({ path, work }: Intake, { name, model, own }: Wishes) {
    const weights = await commands.modelRecognise(path);
    if (weights.status === "error") return weights;
    if (work.ending) return { status: "error", error: { code: "cancelled" } } as const;
    if (weights.data.kind === "model") return work.run((number) => commands.modelImport(number, path, name));
    const made = this.installed?.find(({ architecture }) => architecture === weights.data.architecture);
    return work.run((number) => commands.styleImport(number, path, name, model ?? made?.id ?? STARTER_MODEL, own));
  }

  #paceOf(id: string): Pace {
    const pace = this.#paces.get(id) ?? new Pace();
    this.#paces.set(id, pace);
    return pace;
  }

  #began(model: AvailableModel): void {
    this.downloads = new Map(this.downloads).set(model.id, { file: "", have: model.partial_bytes, all: model.bytes, left: null });
  }

  #downloadEnded(id: string, refusal: Refusal | null): void {
    const rest = new Map(this.downloads);
    rest.delete(id);
    this.downloads = rest;
    this.#setStopped(id, refusal?.code === "cancelled" ? null : refusal);
    this.#paces.delete(id);
    if (!refusal) toasts.show(t("models.downloaded.note", { name: modelName(id) }), { tone: "good" });
    if (refusal?.code !== "cancelled")
      void notify(modelName(id), refusal ? sentence(refusal) : t("models.downloaded.note", { name: modelName(id) }));
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
