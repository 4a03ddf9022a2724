/**
 * Refusals and findings in the person's words. The sentences are the catalogue that the whole program shares; where that speaks of
 * the command line, the window has its own under the same key.
 */
import en from "$catalogue/en.json";
import ko from "$catalogue/ko.json";
import type { Finding, Refusal } from "$lib/bindings";
import { type Language, language, number } from "$lib/i18n.svelte";
import windowEn from "$words/refusals/en.json";
import windowKo from "$words/refusals/ko.json";

const sentences: Record<Language, Record<string, string>> = {
  en: { ...en, ...windowEn },
  ko: { ...ko, ...windowKo },
};

/** Most entries of a list that a sentence shows; the details have all of them. */
const LISTED_MAX = 8;

type Words = Record<string, string>;

const isFinding = (value: unknown): value is Finding => typeof value === "object" && value !== null && "code" in value;

/** The value of a field. One of our own words is said in the person's language: `steps` of `name` is `name.steps` of the catalogue. */
function plain(known: Words, field: string, value: unknown): string {
  if (typeof value === "number") return number(value);
  if (isFinding(value)) return clause(known, value);
  if (!Array.isArray(value)) return known[`${field}.${String(value)}`] ?? String(value);
  const shown = value.slice(0, LISTED_MAX).map((entry) => plain(known, field, entry));
  if (value.length > LISTED_MAX) shown.push(`… (${number(value.length)})`);
  return shown.join(value.some(isFinding) ? "; " : ", ");
}

function fill(known: Words, pattern: string, details: object): string {
  const values = new Map<string, unknown>(Object.entries(details));
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) => (values.has(name) ? plain(known, name, values.get(name)) : ""));
}

const clause = (known: Words, found: Finding): string => fill(known, known[`finding.${found.code}`] ?? found.code, found.details);

/** What was found, as a clause without a full stop. */
export function finding(found: Finding): string {
  return clause(sentences[language()], found);
}

/** What a person reads: the thing, what is wrong with it, and what to do. */
export function sentence(refusal: Refusal): string {
  const known = sentences[language()];
  const key = `error.${refusal.code}`;
  // The shell itself, which knows no catalogue, answers with a plain text when it could not even ask.
  const details: object = refusal.details ?? {};
  // What is not known has no place in a sentence.
  const bare = Object.values(details).includes(null) ? known[`${key}.bare`] : undefined;
  return fill(known, bare ?? known[key] ?? known["error.internal"] ?? "", details);
}
