/**
 * Who may import whom in `src/`: screens do not know each other, the library knows no screen, and only what is generated calls
 * the shell by name. ESLint runs these on every module.
 */
import path from "node:path";

/** The room of a file or import: `screens/train`, `lib`, `app`, `words`; `null` for packages. */
function room(file) {
  const inside = file.split("/src/")[1];
  if (inside === undefined) return null;
  const [first, second] = inside.split("/");
  return first === "screens" && second ? `screens/${second}` : first;
}

/** Where an import leads, as a path; `null` for packages. */
function target(specifier, from) {
  if (specifier.startsWith("$lib/")) return `/src/lib/${specifier.slice(5)}`;
  if (specifier.startsWith("$words/")) return `/src/words/${specifier.slice(7)}`;
  if (specifier.startsWith(".")) return path.posix.resolve(path.posix.dirname(from), specifier);
  return null;
}

/** Why `from` may not import from `to`; `null` when it may. */
function objection(from, to) {
  if (from.startsWith("screens/") && to.startsWith("screens/") && from !== to)
    return "A screen does not know another: hand over ids in the address.";
  if (from === "lib" && (to.startsWith("screens/") || to === "app")) return "The library knows no screen.";
  if (from.startsWith("screens/") && to === "app") return "A screen does not know the window around it.";
  return null;
}

export const rooms = {
  meta: { type: "problem", schema: [] },
  create(context) {
    const file = context.filename.replaceAll("\\", "/");
    const from = room(file);
    const check = (node) => {
      const to = node.source && target(String(node.source.value), file);
      const why = from && to && objection(from, room(to) ?? "");
      if (why) context.report({ node, message: why });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ExportAllDeclaration: check, ImportExpression: check };
  },
};
