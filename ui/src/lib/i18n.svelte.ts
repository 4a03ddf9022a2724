/**
 * Words and formats in the person's language.
 *
 * `t("train.run.step", { step: 12, steps: 400 })` reads the catalogue of the language in use, so a component that calls it in its
 * markup follows a change of language by itself. Messages are ICU: named parameters, plurals, selects.
 */
import IntlMessageFormat from "intl-messageformat";
import { type Key, words } from "$words/index";

export type { Key };
export type Language = keyof typeof words;
export type Parameters = Record<string, string | number>;

/** Every language of the window, by what its speakers call it. */
export const LANGUAGES: Record<Language, string> = { en: "English", ko: "한국어" };

/** The first of `locales` that the window speaks; English if there is none. */
function spoken(locales: readonly string[]): Language {
  const known = locales.map((locale) => locale.slice(0, 2).toLowerCase()).find((name) => name in words);
  return known === "ko" ? "ko" : "en";
}

const state = $state<{ language: Language }>({ language: spoken(navigator.languages) });
const messages = new Map<string, IntlMessageFormat>();

/** The language in use. */
export function language(): Language {
  return state.language;
}

/** Speaks `choice` from now on; `system` is what the machine is set to. */
export function speak(choice: Language | "system"): void {
  state.language = choice === "system" ? spoken(navigator.languages) : choice;
  document.documentElement.lang = state.language;
}

/** The sentence of `key`, with its parameters filled in. */
export function t(key: Key, parameters?: Parameters): string {
  const id = `${state.language}.${key}`;
  let message = messages.get(id);
  if (!message) {
    message = new IntlMessageFormat(words[state.language][key], state.language, undefined, { ignoreTag: true });
    messages.set(id, message);
  }
  return String(message.format(parameters));
}

/** `1234.5` → `1,234.5`. */
export function number(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(state.language, options).format(value);
}

/** A share between 0 and 1 → `42%`. */
export function percent(share: number): string {
  return number(share, { style: "percent", maximumFractionDigits: 0 });
}

const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** A size in bytes → `1.7 GB`. */
export function bytes(size: number): string {
  const power = size < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(size) / 3));
  const maximumFractionDigits = power >= 3 ? 1 : 0;
  return number(size / 1000 ** power, { style: "unit", unit: BYTE_UNITS[power], unitDisplay: "short", maximumFractionDigits });
}

/** A size in MB → `1.7 GB`. */
export function megabytes(size: number): string {
  return bytes(size * 1e6);
}

/** How long something takes, in at most two units: `3 min 20 sec`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts: [number, "hour" | "minute" | "second"][] = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor((whole % 3600) / 60), "minute"],
    [whole % 60, "second"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  const shown = first < 0 ? parts.slice(2) : parts.slice(first, first + 2).filter(([amount]) => amount > 0);
  return shown.map(([amount, unit]) => number(amount, { style: "unit", unit, unitDisplay: "short" })).join(" ");
}

type Moment = Date | number | string;

/** Day and time: `23 Nov 2026, 17:20`, as the language writes it. */
export function dateTime(moment: Moment): string {
  return new Intl.DateTimeFormat(state.language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(moment));
}

/** The day alone. */
export function date(moment: Moment): string {
  return new Intl.DateTimeFormat(state.language, { dateStyle: "medium" }).format(new Date(moment));
}

/** `a, b, and c`. */
export function list(entries: readonly string[], type: "conjunction" | "disjunction" | "unit" = "conjunction"): string {
  return new Intl.ListFormat(state.language, { type, style: type === "unit" ? "narrow" : "long" }).format(entries);
}
