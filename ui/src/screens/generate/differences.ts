/** What two pictures were made with differently, in the words of the window. Reads formats, changes nothing. */
import type { GenerationDetail } from "$lib/bindings";
import { list, number, percent } from "$lib/i18n.svelte";
import { modelName } from "$lib/model-names";
import { SAMPLER_NAMES } from "$lib/sampler-names";

type Told = "tags" | "negative" | "styles" | "seed" | "aspect" | "steps" | "guidance" | "sampler" | "model";

export interface Difference {
  readonly what: Told;
  readonly first: string;
  readonly second: string;
}

const TELL: Readonly<Record<Told, (picture: GenerationDetail) => string>> = {
  tags: ({ tags }) => tags.join(", "),
  negative: ({ negative }) => negative.join(", "),
  styles: ({ styles }) =>
    list(
      styles.map(({ name, strength }) => `${name} ${percent(strength)}`),
      "unit",
    ),
  seed: ({ seed }) => seed,
  aspect: ({ aspect }) => aspect,
  steps: ({ steps }) => number(steps),
  guidance: ({ guidance }) => number(guidance),
  sampler: ({ sampler }) => SAMPLER_NAMES[sampler] ?? sampler,
  model: ({ model }) => modelName(model),
};

const TOLD = ["tags", "negative", "styles", "seed", "aspect", "steps", "guidance", "sampler", "model"] as const satisfies readonly Told[];

/** Only what differs, in the order of the form; `—` where one has nothing. */
export function differences(first: GenerationDetail, second: GenerationDetail): Difference[] {
  return TOLD.map((what) => ({ what, first: TELL[what](first) || "—", second: TELL[what](second) || "—" })).filter(
    (told) => told.first !== told.second,
  );
}
