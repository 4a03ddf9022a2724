/** What Welcome knows: the machine, the samples, the base models, and the first picture while it forms. */
import { createContext } from "svelte";
import type { Answer } from "$lib/answer";
import { commands, events, type Models, type Refusal, type Report, type Sample } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import { STARTER_MODEL } from "$lib/model-names";
import { pictureUrl } from "$lib/pictures";
import { styles } from "$lib/styles.svelte";

/** What the first picture shows: things that the starter model knows well. */
const FIRST_PICTURE = { tags: ["cat", "orange", "one", "beach", "noon", "clouds"], seed: "1001" };

export class WelcomeState {
  report = $state.raw<Report | null>(null);
  models = $state.raw<Models | null>(null);
  samples = $state.raw<Sample[]>([]);
  /** Which sample is being opened. */
  opening = $state<string | null>(null);
  creating = $state(false);
  refusal = $state.raw<Refusal | null>(null);
  newStyle = $state({ name: "", model: STARTER_MODEL });
  newStyleRefusal = $state.raw<Refusal | null>(null);
  #firstJob = $state<number | null>(null);
  #preview = $state<string | null>(null);
  #finished = $state<number | null>(null);
  #ordering = false;

  /** The job of the first picture, once there is one. */
  get firstJob() {
    return jobs.find(this.#firstJob);
  }

  /** Whether somebody paints it, or will: a job that nobody has told of yet waits, too. */
  get firstUnderWay(): boolean {
    if (this.#firstJob === null || this.#finished !== null) return false;
    const status = this.firstJob?.status ?? "queued";
    return status === "queued" || status === "running";
  }

  /** Whether it came to nothing, and can be begun again. */
  get firstStopped(): boolean {
    const status = this.firstJob?.status;
    return this.#finished === null && (status === "cancelled" || status === "failed");
  }

  /** The first picture as far as it is; the rough ones are gone with their job. */
  get firstPicture(): string | null {
    if (this.#finished !== null) return pictureUrl.generation(this.#finished);
    return this.firstUnderWay ? this.#preview : null;
  }

  /** The first picture once it is done, by its id. */
  get firstGeneration(): number | null {
    return this.#finished;
  }

  constructor() {
    void events.jobPreviewed.listen(({ payload }) => {
      if (payload.job === this.#firstJob) this.#preview = pictureUrl.preview(payload.job, payload.index, payload.version);
    });
    void events.generationFinished.listen(({ payload }) => {
      if (payload.job === this.#firstJob) this.#finished = payload.generation;
    });
  }

  /** Asks what the screen shows. Each part is shown when it is there: the drivers behind the report may take seconds. */
  async load(): Promise<void> {
    this.refusal = null;
    await Promise.all([
      this.#fill(commands.sampleList(), (samples) => (this.samples = samples)),
      this.#fill(commands.modelList(), (models) => (this.models = models)),
      this.#fill(commands.machineReport(), (report) => (this.report = report)),
    ]);
  }

  async #fill<T>(asked: Promise<Answer<T>>, show: (data: T) => void): Promise<void> {
    const answer = await asked;
    if (answer.status === "ok") show(answer.data);
    else this.refusal = answer.error;
  }

  /** Takes a sample in as a style and paints a first picture, so that there is something to see within the first minute. */
  async openSample(id: string): Promise<void> {
    this.opening = id;
    this.refusal = null;
    const answer = await commands.sampleOpen(id);
    this.opening = null;
    if (answer.status === "error") {
      this.refusal = answer.error;
      return;
    }
    await styles.load();
    styles.choose(answer.data.id);
    await this.paintFirst();
  }

  /** Orders the first picture, once; again only after it came to nothing. */
  async paintFirst(): Promise<void> {
    if (this.#ordering || (this.#firstJob !== null && !this.firstStopped)) return;
    this.#ordering = true;
    const answer = await commands.generationPlace({
      styles: [],
      tags: FIRST_PICTURE.tags,
      negative: [],
      aspect: "1:1",
      seed: FIRST_PICTURE.seed,
      count: 1,
      steps: null,
      guidance: null,
      sampler: null,
      model: STARTER_MODEL,
    });
    this.#ordering = false;
    if (answer.status === "error") {
      this.refusal = answer.error;
      return;
    }
    this.#preview = null;
    this.#firstJob = answer.data;
  }

  /** Makes an empty style and chooses it; tells whether it worked. */
  async createStyle(): Promise<boolean> {
    this.creating = true;
    const answer = await commands.styleCreate(this.newStyle.name.trim(), this.newStyle.model);
    this.creating = false;
    if (answer.status === "error") {
      this.newStyleRefusal = answer.error;
      return false;
    }
    this.newStyle.name = "";
    this.newStyleRefusal = null;
    await styles.load();
    styles.choose(answer.data.id);
    return true;
  }
}

export const [welcomeState, provideWelcomeState] = createContext<WelcomeState>();
