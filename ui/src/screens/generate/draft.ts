/** What is to be made, as the form holds it; how it becomes a request, and how it comes back from a picture. Pure but for {@link keep}. */
import type { AspectRatio, GenerationDetail, GenerationRequest, Sampler, StyleUse } from "$lib/bindings";
import { whole } from "$lib/whole";
import { drawSeed, isSeed } from "./seed";

export interface Draft {
  styles: StyleUse[];
  tags: string[];
  negative: string[];
  aspect: AspectRatio;
  /** Decimal text; may be half typed. */
  seed: string;
  /** Whether the next pictures are made from the same seed. */
  seedLocked: boolean;
  count: number;
  /** `null` leaves the choice to the model. */
  steps: number | null;
  guidance: number | null;
  sampler: GenerationRequest["sampler"];
  model: string | null;
}

export const COUNT_DEFAULT = 4;
export const ASPECTS = ["1:1", "2:2", "4:3", "16:9", "3:4", "1:2", "9:16"] as const satisfies readonly AspectRatio[];
const SAMPLERS = ["ddim", "euler", "euler-a", "dpmpp-2m-karras", "unipc"] as const satisfies readonly Sampler[];

export function emptyDraft(): Draft {
  return {
    styles: [],
    tags: [],
    negative: [],
    aspect: "1:1",
    seed: drawSeed(),
    seedLocked: false,
    count: COUNT_DEFAULT,
    steps: null,
    guidance: null,
    sampler: null,
    model: null,
  };
}

/**
 * The request of a draft, copied, so that what is typed afterwards does not change it. A number that is still being typed may be a
 * fraction.
 */
export function requestOf({ seedLocked: _, ...draft }: Draft): GenerationRequest {
  return {
    ...draft,
    styles: draft.styles.map((use) => ({ ...use })),
    tags: [...draft.tags],
    negative: [...draft.negative],
    seed: isSeed(draft.seed) ? draft.seed : null,
    count: whole(draft.count),
    steps: draft.steps === null ? null : whole(draft.steps),
  };
}

/** The request that makes a picture again. Styles that the library no longer has are left out. */
export function requestFor(picture: GenerationDetail, samplers: readonly GenerationRequest["sampler"][]): GenerationRequest {
  return {
    styles: picture.styles.flatMap(({ style, strength }) => (style === null ? [] : [{ style, strength }])),
    tags: [...picture.tags],
    negative: [...picture.negative],
    aspect: picture.aspect,
    seed: picture.seed,
    count: 1,
    steps: picture.steps,
    guidance: picture.guidance,
    sampler: samplers.find((known) => known === picture.sampler) ?? null,
    model: picture.model,
  };
}

const KEPT = "atelier.generate.draft";

/** Remembers a draft, so that the next start finds the form as it was left. */
export function keep(draft: Draft): void {
  localStorage.setItem(KEPT, JSON.stringify(draft));
}

/** The remembered draft; an empty one where nothing (sensible) is remembered. */
export function kept(): Draft {
  const empty = emptyDraft();
  try {
    const found: Partial<Record<keyof Draft, unknown>> = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
    return {
      styles: list(found.styles, isUse),
      tags: list(found.tags, isText),
      negative: list(found.negative, isText),
      aspect: ASPECTS.find((aspect) => aspect === found.aspect) ?? empty.aspect,
      seed: isText(found.seed) ? found.seed : empty.seed,
      seedLocked: found.seedLocked === true,
      count: isNumber(found.count) ? found.count : empty.count,
      steps: isNumber(found.steps) ? found.steps : null,
      guidance: isNumber(found.guidance) ? found.guidance : null,
      sampler: SAMPLERS.find((sampler) => sampler === found.sampler) ?? null,
      model: isText(found.model) ? found.model : null,
    };
  } catch {
    return empty;
  }
}

function list<Item>(value: unknown, is: (item: unknown) => item is Item): Item[] {
  return Array.isArray(value) ? value.filter(is) : [];
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isUse = (value: unknown): value is StyleUse =>
  typeof value === "object" &&
  value !== null &&
  "style" in value &&
  isNumber(value.style) &&
  "strength" in value &&
  isNumber(value.strength);
