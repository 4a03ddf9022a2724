/** What Generate knows: the form, what the chosen styles and model allow, how the styles fit, and what was asked for. */
import { createContext } from "svelte";
import { announce } from "$lib/announce.svelte";
import {
  commands,
  type Choices,
  type GenerationDetail,
  type GenerationRequest,
  type InstalledModel,
  type Refusal,
  type StyleReceipt,
} from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";
import { type Draft, keep, kept, requestFor, requestOf } from "./draft";
import { Results } from "./results.svelte";
import { drawSeed, isSeed, SEED_MAX } from "./seed";

export const STRENGTH_DEFAULT = 1;
/** The form is kept when it has rested so long. */
const REST_MS = 400;

export class GenerateState {
  draft = $state<Draft>(kept());
  /** What may be chosen; `null` until it was asked. */
  choices = $state.raw<Choices | null>(null);
  choicesRefusal = $state.raw<Refusal | null>(null);
  /** How each chosen style fits the model; `null` while it is being looked at. */
  receipts = $state.raw<StyleReceipt[] | null>([]);
  receiptsRefusal = $state.raw<Refusal | null>(null);
  models = $state.raw<InstalledModel[]>([]);
  placing = $state(false);
  /** Why the last request was refused. */
  refusal = $state.raw<Refusal | null>(null);
  readonly results = new Results();
  #turn = 0;
  #began = false;
  #keeping: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    // For as long as the window is there, as the state is.
    $effect.root(() => {
      $effect(() => {
        // Reads all of it, so that every change is heard of.
        $state.snapshot(this.draft);
        clearTimeout(this.#keeping);
        this.#keeping = setTimeout(() => keep(this.draft), REST_MS);
      });
    });
    // A window that closes or reloads does not wait for the rest.
    addEventListener("pagehide", () => keep(this.draft));
  }

  /** Styles that can be added, those that are trained first. */
  get addable() {
    const used = new Set(this.draft.styles.map(({ style }) => style));
    return styles.list.filter(({ id, model_path }) => model_path !== null && !used.has(id));
  }

  /** Whether there is anything to make a picture of. */
  get ready(): boolean {
    return (this.draft.tags.length > 0 || this.draft.styles.length > 0) && this.seedRefusal === null;
  }

  /** Why the typed seed cannot be one; an empty field draws one. */
  get seedRefusal(): Refusal | null {
    const { seed } = this.draft;
    if (seed === "" || isSeed(seed)) return null;
    return { code: "number_out_of_range", details: { name: t("generate.seed.label"), value: seed, min: "0", max: String(SEED_MAX) } };
  }

  /** The screen is shown; `query` is what another screen handed over: a picture to start `from`, or a `style`. */
  async enter(query: Readonly<Record<string, string>>): Promise<void> {
    void this.#loadModels();
    if (!this.results.cards) void this.results.load();
    if (query.from) await this.useSettingsOf(Number(query.from));
    else if (query.style) this.useStyle(Number(query.style));
    else if (!this.#began && this.draft.styles.length === 0 && this.draft.tags.length === 0) this.#beginWithCurrentStyle();
    this.#began = true;
    // Styles that were removed meanwhile cannot be used.
    this.draft.styles = this.draft.styles.filter(({ style }) => styles.list.some(({ id }) => id === style));
    await this.check();
  }

  useStyle(style: number): void {
    if (this.draft.styles.some((use) => use.style === style)) return;
    this.draft.styles.push({ style, strength: STRENGTH_DEFAULT });
    void this.check();
  }

  dropStyle(style: number): void {
    this.draft.styles = this.draft.styles.filter((use) => use.style !== style);
    void this.check();
  }

  useModel(model: string | null): void {
    this.draft.model = model;
    void this.check();
  }

  drawSeed(): void {
    this.draft.seed = drawSeed();
  }

  /** Takes over everything that a picture was made with. */
  async useSettingsOf(id: number): Promise<void> {
    const answer = await commands.generationShow(id);
    if (answer.status === "error") {
      this.refusal = answer.error;
      return;
    }
    const request = requestFor(answer.data, this.choices?.samplers ?? []);
    this.draft = { ...request, seed: answer.data.seed, seedLocked: true, count: 1 };
    if (answer.data.styles.some(({ style }) => style === null)) toasts.show(t("generate.from.style-gone"));
    announce(t("generate.from.done"));
    this.results.stopComparing();
    void this.results.choose(id);
    await this.check();
    // Samplers are only known by the model's choices.
    this.draft.sampler = this.choices?.samplers.find((known) => known === answer.data.sampler) ?? null;
  }

  /** Asks what may be chosen and how the styles fit. */
  async check(): Promise<void> {
    const turn = ++this.#turn;
    const { styles: uses, model } = requestOf(this.draft);
    this.receipts = uses.length === 0 ? [] : null;
    const [choices, receipts] = await Promise.all([
      commands.generationChoices(
        model,
        uses.map(({ style }) => style),
      ),
      uses.length === 0 ? null : commands.generationReceipt(uses, model),
    ]);
    if (turn !== this.#turn) return;
    this.choicesRefusal = choices.status === "error" ? choices.error : null;
    if (choices.status === "ok") this.choices = choices.data;
    this.receiptsRefusal = receipts?.status === "error" ? receipts.error : null;
    this.receipts = receipts?.status === "ok" ? receipts.data : [];
  }

  /** Asks for the pictures of the form. */
  async generate(): Promise<void> {
    if (this.placing || !this.ready) return;
    if (!this.draft.seedLocked) this.drawSeed();
    const job = await this.#place(requestOf(this.draft));
    if (job !== null) this.results.follow();
  }

  /** Makes a picture again with one thing changed, and compares both when it is there. */
  async vary(original: GenerationDetail, change: Partial<GenerationRequest>): Promise<void> {
    const job = await this.#place({ ...requestFor(original, this.choices?.samplers ?? []), ...change });
    if (job !== null) this.results.expect(job, original.id);
  }

  async #place(request: GenerationRequest): Promise<number | null> {
    this.placing = true;
    this.refusal = null;
    this.results.forgetFailed();
    const answer = await commands.generationPlace(request);
    this.placing = false;
    if (answer.status === "ok") return answer.data;
    this.refusal = answer.error;
    return null;
  }

  #beginWithCurrentStyle(): void {
    const style = styles.current;
    if (style?.model_path) this.draft.styles = [{ style: style.id, strength: STRENGTH_DEFAULT }];
  }

  async #loadModels(): Promise<void> {
    const answer = await commands.modelList();
    if (answer.status === "ok") this.models = answer.data.installed;
  }
}

export const [generateState, provideGenerateState] = createContext<GenerateState>();
