/** The jobs of the studio as they stand: what runs, what waits, what ended since the start. Kept by events. */
import { announce } from "$lib/announce.svelte";
import { commands, events, type Job, type JobProgressed, type Refusal } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { notify } from "$lib/notify";
import { sentence } from "$lib/refusals";
import { toasts } from "$lib/toasts.svelte";
import { undo } from "$lib/undo.svelte";

class Jobs {
  list = $state.raw<Job[]>([]);
  /** Those that were asked to end and have not yet. */
  #ending = new Set<number>();

  /** The one that the device works on. */
  get running(): Job | null {
    return this.list.find((job) => job.status === "running") ?? null;
  }

  /** Those that wait, in their order. */
  get queued(): Job[] {
    return this.list.filter((job) => job.status === "queued");
  }

  /** Trainings that rest until somebody goes on with them. */
  get paused(): Job[] {
    return this.list.filter((job) => job.status === "paused");
  }

  find(id: number | null): Job | null {
    return this.list.find((job) => job.id === id) ?? null;
  }

  async start(): Promise<Refusal | null> {
    await events.jobChanged.listen(({ payload }) => this.#changed(payload.job));
    await events.jobProgressed.listen(({ payload }) => this.#progressed(payload));
    await events.jobRetried.listen(() => toasts.show(t("lib.jobs.retried")));
    return this.load();
  }

  async load(): Promise<Refusal | null> {
    const answer = await commands.jobList();
    if (answer.status === "error") return answer.error;
    this.list = answer.data;
    return null;
  }

  /** Ends a job; once a training has ended so, a toast offers the way back. Whether it could be asked. */
  async cancel(id: number): Promise<boolean> {
    this.#ending.add(id);
    const answer = await commands.jobCancel(id);
    if (answer.status === "ok") return true;
    this.#ending.delete(id);
    toasts.refuse(answer.error);
    return false;
  }

  async pause(id: number): Promise<void> {
    await this.#ask(commands.jobPause, id);
  }

  async resume(id: number): Promise<void> {
    await this.#ask(commands.jobResume, id);
  }

  async #ask(command: typeof commands.jobPause, id: number): Promise<void> {
    const answer = await command(id);
    if (answer.status === "error") toasts.refuse(answer.error);
  }

  #cancelled({ id, title }: Job): void {
    undo.push({
      label: t("lib.jobs.training-cancelled", { title }),
      undo: async () => {
        const answer = await commands.trainingRestore(id);
        if (answer.status === "error") toasts.refuse(answer.error);
        return answer.status === "ok";
      },
    });
  }

  #changed(job: Job): void {
    const before = this.find(job.id);
    this.list = before ? this.list.map((other) => (other.id === job.id ? job : other)) : [...this.list, job];
    if (before && before.status !== job.status) void this.#notify(job);
    if (job.status === "cancelled" && this.#ending.delete(job.id) && job.kind === "train") this.#cancelled(job);
    // Whether the order of those that wait is still the same, only the studio knows.
    if (before?.status !== job.status) {
      announce(t("lib.jobs.changed", { title: job.title, status: job.status }));
      void this.load();
    }
  }

  /** Long work that ends while the window is not looked at is told by the system. What somebody ended himself is no news. */
  async #notify({ kind, status, title, failure, finished }: Job): Promise<void> {
    const stopped = status === "paused" && failure !== null;
    if (status !== "completed" && status !== "failed" && !stopped) return;
    const done = kind === "train" ? t("lib.jobs.trained") : t("lib.jobs.made", { count: finished });
    await notify(title, failure ? sentence(failure) : done);
  }

  #progressed({ job: id, phase, step, steps, seconds_left }: JobProgressed): void {
    this.list = this.list.map((job) => (job.id === id ? { ...job, phase, step, steps, seconds_left } : job));
  }
}

export const jobs = new Jobs();
