/** Addresses of pictures. The shell serves them by id over its own protocol; no path and no pixel passes through commands. */
import type { Artwork } from "$lib/bindings";

/** WebView2 knows custom protocols only as hosts under `http`. */
const ORIGIN = navigator.userAgent.includes("Windows") ? "http://picture.localhost" : "picture://localhost";

/** Longest side of a thumbnail, in px; without one the whole picture is meant. */
export type Side = 256 | 512;

function url(path: string, query: Record<string, string | number | undefined> = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return `${ORIGIN}/${path}${given.length > 0 ? `?${given.join("&")}` : ""}`;
}

export const pictureUrl = {
  /** All of an artwork, upright. */
  artwork: (id: number, side?: Side) => url(`artwork/${id}`, { side }),
  /** An artwork as it was cropped and turned; the address changes with them, so that what is kept of it stays true. */
  croppedArtwork: ({ id, crop, quarter_turns }: Pick<Artwork, "id" | "crop" | "quarter_turns">, side: Side) => {
    const box = crop ? [crop.left_px, crop.top_px, crop.width_px, crop.height_px] : [];
    return url(`artwork/${id}`, { side, cropped: 1, v: [...box, quarter_turns].join("-") });
  },
  generation: (id: number, side?: Side) => url(`generation/${id}`, { side }),
  /** A picture that is forming. */
  preview: (job: number, index: number, version: number) => url(`preview/${job}/${index}`, { v: version }),
  /** A sample that a training painted at a step. */
  training: (job: number, step: number, index: number) => url(`training/${job}/${step}/${index}`),
  signature: (version: number) => url("signature", { v: version }),
  /** A picture of a sample project. */
  sample: (sample: string, index: number) => url(`sample/${encodeURIComponent(sample)}/${index}`),
};
