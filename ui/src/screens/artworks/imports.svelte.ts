/**
 * Files and folders on their way in: one import at a time, each for the style that was shown when it was asked for. What is dropped while
 * one runs waits for its turn. What became of an import is kept for its style until it is put away.
 */
import { commands, type ImportReport, type Refusal } from "$lib/bindings";
import { t } from "$lib/i18n.svelte";
import { toasts } from "$lib/toasts.svelte";
import { Work } from "$lib/work.svelte";

interface Order {
  readonly style: number;
  readonly paths: readonly string[];
}

export interface Outcome {
  /** What came in and what not, if there is anything to say about it. */
  readonly report: ImportReport | null;
  /** Why nothing came in. */
  readonly refusal: Refusal | null;
}

/** How an import ended. */
export type Ended = Awaited<ReturnType<typeof commands.artworkImport>>;

const NOTHING: Outcome = { report: null, refusal: null };

export class Imports {
  /** The one under way; `null` while there is none. */
  work = $state.raw<Work | null>(null);
  #orders = $state.raw<readonly Order[]>([]);
  #outcomes = $state.raw<ReadonlyMap<number, Outcome>>(new Map());
  readonly #onbegun: () => void;
  readonly #onended: (style: number, ended: Ended) => Promise<void>;

  /** How many files and folders wait for the import under way to end. */
  readonly waiting = $derived(this.#orders.reduce((sum, { paths }) => sum + paths.length, 0));

  constructor(onbegun: () => void, onended: (style: number, ended: Ended) => Promise<void>) {
    this.#onbegun = onbegun;
    this.#onended = onended;
  }

  of(style: number | null): Outcome {
    return (style !== null && this.#outcomes.get(style)) || NOTHING;
  }

  /** Takes them in now, or after what is coming in. */
  async take(style: number, paths: readonly string[]): Promise<void> {
    if (this.work) {
      this.#orders = [...this.#orders, { style, paths }];
      toasts.show(t("artworks.import.waiting", { count: this.waiting }));
      return;
    }
    this.putAway(style);
    await this.#run({ style, paths });
  }

  /** Forgets what became of the last import into a style. */
  putAway(style: number): void {
    this.#keep(style, NOTHING);
  }

  async #run({ style, paths }: Order): Promise<void> {
    const work = new Work();
    this.work = work;
    this.#onbegun();
    const ended = await work.run((number) => commands.artworkImport(number, style, [...paths]));
    this.work = null;
    const before = this.of(style);
    if (ended.status === "error") this.#keep(style, { ...before, refusal: ended.error });
    else if (!isClean(ended.data)) this.#keep(style, { ...before, report: before.report ? joined(before.report, ended.data) : ended.data });
    // Told of before the next one begins.
    const told = this.#onended(style, ended);
    const [next, ...others] = this.#orders;
    this.#orders = others;
    if (next) void this.#run(next);
    await told;
  }

  #keep(style: number, outcome: Outcome): void {
    this.#outcomes = new Map(this.#outcomes).set(style, outcome);
  }
}

/** Whether all came in, and all of it is valid. */
function isClean(report: ImportReport): boolean {
  const left = report.refused.length + report.tags_refused.length + report.passed_over.length + report.not_reached;
  return left === 0 && report.imported.every(({ reason }) => !reason);
}

/** What two imports, one right after the other, have to say together. */
function joined(one: ImportReport, other: ImportReport): ImportReport {
  return {
    imported: [...one.imported, ...other.imported],
    already_there: [...one.already_there, ...other.already_there],
    refused: [...one.refused, ...other.refused],
    tags_refused: [...one.tags_refused, ...other.tags_refused],
    passed_over: [...one.passed_over, ...other.passed_over],
    not_reached: one.not_reached + other.not_reached,
    nsfw_checked: one.nsfw_checked && other.nsfw_checked,
  };
}
