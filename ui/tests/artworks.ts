/** The Artworks screen, for its tests. */
import { expect } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { styles } from "$lib/styles.svelte";
import { ArtworksState } from "../src/screens/artworks/artworks.svelte";
import ArtworksOf from "./ArtworksOf.svelte";

/** Shows a style that the studio has, once its artwork with this name is there. */
export async function showStyle(style: number, artwork: string): Promise<ArtworksState> {
  await styles.load();
  styles.choose(style);
  const state = new ArtworksState();
  await render(ArtworksOf, { state });
  await expect.element(page.getByRole("option", { name: artwork })).toBeVisible();
  return state;
}
