/** What a person calls base models. Ids of imported ones are the person's own words and stay as they are. */
import { t } from "$lib/i18n.svelte";

/** The model that ships with the program: it paints at once on any machine. */
export const STARTER_MODEL = "starter";

const KNOWN: Record<string, string> = { sd15: "Stable Diffusion 1.5", sdxl: "Stable Diffusion XL" };

/** Name of a base model. */
export function modelName(id: string): string {
  return id === STARTER_MODEL ? t("lib.model.starter") : (KNOWN[id] ?? id);
}

/** What kind of base model an architecture is. */
export function architectureName(architecture: string): string {
  return KNOWN[architecture] ? t("lib.model.class", { name: KNOWN[architecture] }) : t("lib.model.small");
}
