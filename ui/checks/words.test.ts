/** The words of the window: every key in every language, with the same parameters, used, and called with what it needs. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { argumentsOf, parametersOf, usesIn } from "./words";

const UI = fileURLToPath(new URL("..", import.meta.url));
const LANGUAGES = ["en", "ko"] as const;

type Catalogue = Record<string, string>;

function read(file: string): Catalogue {
  const parsed: Catalogue = JSON.parse(readFileSync(path.join(UI, file), "utf8"));
  return parsed;
}

const files = readdirSync(path.join(UI, "src/words/en"));
const catalogue = (language: string): Catalogue => Object.assign({}, ...files.map((file) => read(`src/words/${language}/${file}`)));
const english = catalogue("en");

const sources = readdirSync(path.join(UI, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(svelte|ts)$/.test(file) && !file.endsWith("bindings.ts"))
  .map((file) => ({ file, text: readFileSync(path.join(UI, "src", file), "utf8") }));

describe.each(LANGUAGES)("words in %s", (language) => {
  test.each(files)("%s has the same keys as English, each named after its file", (file) => {
    const words = read(`src/words/${language}/${file}`);
    expect(Object.keys(words).sort()).toEqual(Object.keys(read(`src/words/en/${file}`)).sort());
    const strangers = Object.keys(words).filter((key) => !key.startsWith(`${path.basename(file, ".json")}.`));
    expect(strangers).toEqual([]);
  });

  test("every message is well formed and takes the parameters that the English one takes", () => {
    for (const [key, message] of Object.entries(catalogue(language))) {
      expect(parametersOf(message), key).toEqual(parametersOf(english[key] ?? ""));
      expect(message.trim(), key).not.toBe("");
    }
  });
});

test("every key is used", () => {
  const { keys, prefixes } = usesIn(sources.map(({ text }) => text));
  const unused = Object.keys(english).filter((key) => !keys.has(key) && !prefixes.some((prefix) => key.startsWith(prefix)));
  expect(unused).toEqual([]);
});

test("every message is given the parameters that it needs", () => {
  const wrong = sources.flatMap(({ file, text }) =>
    argumentsOf(text)
      .filter(({ key, given }) => key in english && JSON.stringify(given) !== JSON.stringify(parametersOf(english[key] ?? "")))
      .map(({ key, given }) => `${file}: ${key} is given ${given.join(", ") || "nothing"}`),
  );
  expect(wrong).toEqual([]);
});

describe("refusals", () => {
  const bindings = readFileSync(path.join(UI, "src/lib/bindings.ts"), "utf8");
  const codesOf = (type: string) => {
    const [, from = ""] = bindings.split(`export type ${type} =`);
    const [own = ""] = from.split(/^export type /m);
    return new Set([...own.matchAll(/code: "(\w+)"/g)].map(([, code]) => code));
  };
  const codes = [...codesOf("Refusal")].map((code) => `error.${code}`).concat([...codesOf("Finding")].map((code) => `finding.${code}`));
  const isCoded = (key: string) => /^(error|finding)\.\w+$/.test(key);

  test.each(LANGUAGES)("each has a sentence in %s, and none of it speaks of the command line", (language) => {
    const shared = read(`../crates/contract/catalogue/${language}.json`);
    const own = read(`src/words/refusals/${language}.json`);
    expect(Object.keys(shared).filter(isCoded).sort()).toEqual(codes.sort());
    expect(Object.keys(own).filter((key) => !(key in shared))).toEqual([]);
    const technical = Object.entries({ ...shared, ...own }).filter(([, sentence]) => /`| --\w/.test(sentence));
    expect(technical).toEqual([]);
  });

  test("the window's own sentences name nothing that the refusal does not carry, in both languages the same", () => {
    const [en, ko] = [read("src/words/refusals/en.json"), read("src/words/refusals/ko.json")];
    const shared = read("../crates/contract/catalogue/en.json");
    for (const key of new Set([...Object.keys(en), ...Object.keys(ko)])) {
      expect(parametersOf(ko[key] ?? ""), key).toEqual(parametersOf(en[key] ?? ""));
      expect(parametersOf(shared[key] ?? ""), key).toEqual(expect.arrayContaining(parametersOf(en[key] ?? "")));
    }
  });
});
