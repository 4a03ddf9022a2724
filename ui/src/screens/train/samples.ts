/** The sample pictures of a training as a sheet: a row for each prompt, a column for each step. Pure. */
import type { TrainingSample } from "$lib/bindings";

export interface SampleRow {
  readonly index: number;
  readonly prompt: string;
  /** The steps at which this prompt has a picture. */
  readonly steps: ReadonlySet<number>;
}

export interface SampleSheet {
  /** Every step with a picture, rising. */
  readonly steps: readonly number[];
  readonly rows: readonly SampleRow[];
}

export function sheetOf(samples: readonly TrainingSample[]): SampleSheet {
  const steps = [...new Set(samples.map(({ step }) => step))].sort((a, b) => a - b);
  const prompts = new Map(samples.map(({ index, prompt }) => [index, prompt]));
  const rows = [...prompts].sort(([a], [b]) => a - b);
  return {
    steps,
    rows: rows.map(([index, prompt]) => ({
      index,
      prompt,
      steps: new Set(samples.filter((sample) => sample.index === index).map(({ step }) => step)),
    })),
  };
}
