/** The short facts on the pictures of both grids. A screen reader is told the same words, so they are made once. */
import type { Artwork, ArtworkReport } from "$lib/bindings";
import { number, t } from "$lib/i18n.svelte";
import type { IconName } from "$lib/Icon.svelte";

interface Mark {
  readonly tone: "neutral" | "warning" | "bad";
  readonly icon: IconName;
  readonly text: string;
}

/** What an artwork's picture is marked with: why it is left out, and how it is tagged. */
export function marksOf({ validation_reason: reason, is_valid: valid, tags }: Artwork): Mark[] {
  const marks: Mark[] = [];
  if (!valid)
    marks.push({
      tone: "bad",
      icon: "triangle-alert",
      text: t(reason?.code === "artwork_near_duplicate" ? "artworks.badge.alike" : "artworks.badge.invalid"),
    });
  if (tags.length === 0) marks.push({ tone: "warning", icon: "tag", text: t("artworks.cell.untagged") });
  else if (valid) marks.push({ tone: "neutral", icon: "tag", text: number(tags.length) });
  return marks;
}

interface Fact {
  readonly text: string;
  readonly warns: boolean;
}

/** What the dataset report says of an artwork: its size in training, its turn, what is worth mending. */
export function factsOf({ bucket: [width, height], quarter_turns: turns, upscaled, tags }: ArtworkReport): Fact[] {
  const facts = [{ text: t("artworks.dataset.bucket", { width: number(width), height: number(height) }), warns: false }];
  if (turns > 0) facts.push({ text: `↻ ${number(turns * 90)}°`, warns: false });
  if (upscaled) facts.push({ text: t("artworks.dataset.upscaled"), warns: true });
  if (tags === 0) facts.push({ text: t("artworks.cell.untagged"), warns: true });
  return facts;
}
