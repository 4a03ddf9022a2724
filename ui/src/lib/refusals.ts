/**
 * Refusals in the person's words. The sentences are the catalogue that the whole program shares; where that speaks of
 * the command line, the window has its own under the same key.
 */
import en from "$catalogue/en.json";
import ko from "$catalogue/ko.json";
import type { Refusal } from "$lib/bindings";
import { type Language, language, number } from "$lib/i18n.svelte";
import windowEn from "$words/refusals/en.json";
import windowKo from "$words/refusals/ko.json";

const sentences: Record<Language, Record<string, string>> = {
  en: { ...en, ...windowEn },
  ko: { ...ko, ...windowKo },
};

/** Most entries of a list that a sentence shows; the details have all of them. */
const LISTED_MAX = 8;

function plain(value: unknown): string {
  if (typeof value === "number") return number(value);
  if (!Array.isArray(value)) return String(value);
  const shown = value.slice(0, LISTED_MAX).map(plain);
  if (value.length > LISTED_MAX) shown.push(`… (${number(value.length)})`);
  return shown.join(", ");
}

/** What a person reads: the thing, what is wrong with it, and what to do. */
export function sentence(refusal: Refusal): string {
  const known = sentences[language()];
  const pattern = known[`error.${refusal.code}`];
  // The shell itself, which knows no catalogue, answers with a plain text when it could not even ask.
  const details: Record<string, unknown> = pattern ? { ...refusal.details } : { reason: JSON.stringify(refusal) };
  const text = pattern ?? known["error.internal"] ?? "";
  return text.replace(/\{(\w+)\}/g, (_, name: string) => (name in details ? plain(details[name]) : ""));
}
