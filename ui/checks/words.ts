/** How words are found in sources, and parameters in messages. */
import { type MessageFormatElement, parse, TYPE } from "@formatjs/icu-messageformat-parser";

function collect(elements: readonly MessageFormatElement[], into: Set<string>): void {
  for (const element of elements) {
    if (element.type === TYPE.literal || element.type === TYPE.pound) continue;
    if (element.type === TYPE.tag) {
      collect(element.children, into);
      continue;
    }
    into.add(element.value);
    if (element.type === TYPE.plural || element.type === TYPE.select) {
      for (const option of Object.values(element.options)) collect(option.value, into);
    }
  }
}

/** Names of the parameters of an ICU message, sorted. Throws when it is not well formed. */
export function parametersOf(message: string): string[] {
  const names = new Set<string>();
  collect(parse(message, { ignoreTag: true }), names);
  return [...names].sort();
}

/** Keys that stand in sources as they are, and beginnings of those that are put together: `` `app.go.${screen}` ``. */
export function usesIn(sources: readonly string[]): { keys: Set<string>; prefixes: string[] } {
  const keys = new Set<string>();
  const prefixes: string[] = [];
  for (const source of sources) {
    for (const [, key] of source.matchAll(/["'`]([a-z]+\.[\w.-]+)["'`]/g)) if (key) keys.add(key);
    for (const [, prefix] of source.matchAll(/`([a-z]+\.[\w.-]*)\$\{/g)) if (prefix) prefixes.push(prefix);
  }
  return { keys, prefixes };
}

/** Calls of `t("key", {…})` with the names they give; calls with anything but an object literal are left out. */
export function argumentsOf(source: string): { key: string; given: string[] }[] {
  return [...source.matchAll(/\bt\(\s*"([\w.-]+)"\s*(,\s*\{|,?\s*\))/g)].flatMap((call) => {
    const [whole, key = "", rest = ""] = call;
    if (!rest.endsWith("{")) return [{ key, given: [] }];
    const given = namesOf(source.slice(call.index + whole.length));
    return given ? [{ key, given: given.sort() }] : [];
  });
}

/** Names of the properties of an object literal, from behind its opening brace; `null` when it spreads another object. */
function namesOf(text: string): string[] | null {
  const names: string[] = [];
  let depth = 0;
  let expectName = true;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (depth === 0 && char === "}") return names;
    if (depth === 0 && expectName) {
      const name = /^\w+/.exec(text.slice(at))?.[0];
      if (text.startsWith("...", at)) return null;
      if (name) {
        names.push(name);
        at += name.length - 1;
        expectName = false;
        continue;
      }
    }
    if ("{[(".includes(char)) depth++;
    else if ("}])".includes(char)) depth--;
    else if ("\"'`".includes(char)) at = closing(text, at);
    else if (char === "," && depth === 0) expectName = true;
  }
  return null;
}

/** Where the string that opens at `at` closes. */
function closing(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== text[at]) end += text[end] === "\\" ? 2 : 1;
  return end;
}
