/** What the Train screen knows: what is to be trained, what it would take, and the training that runs or ran last. */
import { createContext } from "svelte";
import {
  type Artwork,
  commands,
  events,
  type Job,
  type JobStatus,
  type Preset,
  type Refusal,
  type TrainRequest,
  type Training,
  type TrainingPlan,
} from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import type { Point } from "$lib/line-chart";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";
import { whole } from "$lib/whole";

/** What a person may ask of a training that is on its way. */
type Wish = "pause" | "resume" | "cancel";

/** A training that has not ended. */
const UNDER_WAY: readonly JobStatus[] = ["queued", "running", "paused"];

const WISHES = { pause: commands.jobPause, resume: commands.jobResume };

export class TrainState {
  draft = $state<{ preset: Preset; steps: number | null; rank: number | null }>({ preset: "balanced", steps: null, rank: null });
  plan = $state.raw<TrainingPlan | null>(null);
  planRefusal = $state.raw<Refusal | null>(null);
  planning = $state(false);
  /** What it would learn from. */
  artworks = $state.raw<readonly Artwork[]>([]);
  /** Why the start was refused. */
  refusal = $state.raw<Refusal | null>(null);
  starting = $state(false);
  /** The training of the chosen style, running or ended; `null` when there was none. */
  training = $state.raw<Training | null>(null);
  loaded = $state(false);
  /** Losses since `training` was read. */
  #fresh = $state.raw<readonly Point[]>([]);
  /** What was asked and has not happened yet. */
  wish = $state<Wish | null>(null);
  /** The worker ended by itself; its job is tried again. */
  retried = $state.raw<{ attempt: number; reason: Refusal } | null>(null);
  /** Whether a new training is being set up although there was one. */
  again = $state(false);
  #style: number | null = null;
  /** Count what was asked: an older answer is not shown. */
  #asked = 0;
  #reading = 0;

  constructor() {
    void events.jobProgressed.listen(({ payload: { job, step, loss } }) => {
      if (job !== this.training?.job) return;
      if (this.retried && loss !== null) this.retried = null;
      if (loss !== null) this.#fresh = [...this.#fresh.filter(([at]) => at < step), [step, loss]];
    });
    void events.jobPreviewed.listen(({ payload }) => payload.job === this.training?.job && void this.#show());
    void events.jobRetried.listen(({ payload: { job, attempt, reason } }) => {
      if (job === this.training?.job) this.retried = { attempt, reason };
    });
    void events.jobChanged.listen(({ payload: { job } }) => {
      if (job.kind !== "train" || job.style !== this.#style) return;
      this.wish = null;
      if (job.status !== "running") this.retried = null;
      void this.#show();
    });
  }

  /** The job of the chosen style's training while it has not ended. */
  get job(): Job | null {
    return jobs.list.find(({ kind, style, status }) => kind === "train" && style === this.#style && UNDER_WAY.includes(status)) ?? null;
  }

  /** The last training of the chosen style, once it has ended. */
  get ended(): Training | null {
    return this.training && !UNDER_WAY.includes(this.training.status) ? this.training : null;
  }

  /** The loss at every step so far, by rising step. */
  get losses(): readonly Point[] {
    const known = this.training?.losses ?? [];
    const last = known.at(-1)?.[0] ?? -1;
    return [...known, ...this.#fresh.filter(([step]) => step > last)];
  }

  /** How far the training is in its own steps, also while it reads artworks or paints samples, which the job counts by themselves. */
  get reached(): { step: number; steps: number } | null {
    const { job, training } = this;
    if (job?.phase === "training" && job.steps > 0) return { step: job.step, steps: job.steps };
    if (!training || training.steps === 0) return null;
    return { step: Math.max(training.step, this.losses.at(-1)?.[0] ?? 0), steps: training.steps };
  }

  async open(style: number): Promise<void> {
    if (style !== this.#style) {
      this.#style = style;
      this.training = this.plan = this.refusal = this.planRefusal = this.retried = this.wish = null;
      this.loaded = this.again = false;
      this.artworks = [];
    }
    await Promise.all([this.#show(), this.replan(), this.#look(style)]);
    this.loaded = true;
  }

  async #look(style: number): Promise<void> {
    const answer = await commands.artworkList(style);
    if (style === this.#style && answer.status === "ok") this.artworks = answer.data.filter((artwork) => artwork.is_valid);
  }

  async #show(): Promise<void> {
    const style = this.#style;
    if (style === null) return;
    const reading = ++this.#reading;
    const answer = await commands.trainingShow(style);
    if (reading !== this.#reading) return;
    if (answer.status === "error") {
      toasts.refuse(answer.error);
      return;
    }
    if (answer.data?.job !== this.training?.job) this.#fresh = [];
    this.training = answer.data;
  }

  #request(style: number): TrainRequest {
    const { preset, steps, rank } = this.draft;
    const typed = (number: number | null) => (number === null ? null : whole(number));
    return { style, preset, steps: typed(steps), rank: typed(rank), restart: this.training !== null };
  }

  /** Asks what the training would take. */
  async replan(): Promise<void> {
    const style = this.#style;
    if (style === null) return;
    const turn = ++this.#asked;
    this.planning = true;
    const answer = await commands.stylePlan(this.#request(style));
    if (turn !== this.#asked) return;
    this.planning = false;
    this.plan = answer.status === "ok" ? answer.data : null;
    this.planRefusal = answer.status === "error" ? answer.error : null;
  }

  async start(): Promise<void> {
    const style = this.#style;
    if (style === null) return;
    this.starting = true;
    this.refusal = null;
    const answer = await commands.styleTrain(this.#request(style));
    if (answer.status === "error") this.refusal = answer.error;
    else {
      this.again = false;
      await Promise.all([jobs.load(), this.#show(), styles.load()]);
    }
    this.starting = false;
  }

  /** Takes back that the last training was cancelled. */
  async restore(): Promise<void> {
    const { training } = this;
    if (!training) return;
    const answer = await commands.trainingRestore(training.job);
    if (answer.status === "error") toasts.refuse(answer.error);
    else await Promise.all([jobs.load(), this.#show(), styles.load()]);
  }

  async ask(wish: Wish): Promise<void> {
    const { job } = this;
    if (!job) return;
    this.wish = wish;
    if (wish === "cancel") {
      if (!(await jobs.cancel(job.id))) this.wish = null;
      return;
    }
    const answer = await WISHES[wish](job.id);
    if (answer.status === "ok") return;
    this.wish = null;
    toasts.refuse(answer.error);
  }
}

export const [trainState, provideTrainState] = createContext<TrainState>();
