/** Which screen is shown: `#/generate?from=17`. The address is the only state, so that back, forward and a restart of the page work. */

export const SCREENS = ["welcome", "artworks", "train", "generate", "gallery", "models", "settings"] as const;
export type Screen = (typeof SCREENS)[number];

interface Route {
  readonly screen: Screen;
  /** What one screen hands to another, ids only: `{ from: "17" }`. */
  readonly query: Readonly<Record<string, string>>;
}

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const screen = SCREENS.find((name) => name === path) ?? "welcome";
  return { screen, query: Object.fromEntries(new URLSearchParams(query)) };
}

const state = $state<{ route: Route }>({ route: parse(location.hash) });
window.addEventListener("hashchange", () => {
  state.route = parse(location.hash);
});

/** The screen that is shown. */
export function route(): Route {
  return state.route;
}

/** The address of a screen, for links. */
export function address(screen: Screen, query: Record<string, string> = {}): string {
  const handed = new URLSearchParams(query).toString();
  return `#/${screen}${handed && `?${handed}`}`;
}

/** Shows a screen. */
export function go(screen: Screen, query: Record<string, string> = {}): void {
  location.hash = address(screen, query);
}
