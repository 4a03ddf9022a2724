/** The pictures that are forming: which job they belong to, how they look so far, and what its worker broke at. */
import { events, type Job, type Refusal } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import { pictureUrl } from "$lib/pictures";

/** A place for a picture that is not there yet. */
export interface Forming {
  readonly job: number;
  readonly index: number;
  /** Its rough picture, once there is one. */
  readonly src: string | null;
}

export interface Retry {
  readonly attempt: number;
  readonly reason: Refusal;
}

export class Underway {
  /** Why workers were started again, by job, while those jobs go on. */
  retries = $state.raw<ReadonlyMap<number, Retry>>(new Map());
  /** Versions of rough pictures, by job and place. */
  #previews = $state.raw<ReadonlyMap<string, number>>(new Map());

  constructor() {
    void events.jobPreviewed.listen(({ payload: { job, index, version } }) => {
      this.#previews = new Map(this.#previews).set(`${job}/${index}`, version);
    });
    void events.jobRetried.listen(({ payload: { job, attempt, reason } }) => {
      this.retries = new Map(this.retries).set(job, { attempt, reason });
    });
    void events.jobChanged.listen(({ payload: { job } }) => job.status !== "running" && this.#ended(job));
  }

  /** The job whose pictures are forming. */
  get job(): Job | null {
    return jobs.running?.kind === "generate" ? jobs.running : null;
  }

  /** The places of the pictures that the running job still owes. */
  get places(): Forming[] {
    const job = this.job;
    if (!job) return [];
    return Array.from({ length: Math.max(0, job.pictures - job.finished) }, (_, place) => {
      const index = job.finished + place;
      const version = this.#previews.get(`${job.id}/${index}`);
      return { job: job.id, index, src: version === undefined ? null : pictureUrl.preview(job.id, index, version) };
    });
  }

  /** Forgets the rough pictures and the retries of a job that no worker has any more. */
  #ended({ id }: Job): void {
    this.#previews = new Map([...this.#previews].filter(([place]) => !place.startsWith(`${id}/`)));
    this.retries = new Map([...this.retries].filter(([job]) => job !== id));
  }
}
