/** axe-core on what is shown, in both themes. */
import axe from "axe-core";
import { expect } from "vitest";

const THEMES = ["light", "dark"] as const;

/** Fails with what axe finds wrong with the page in light or dark. */
export async function expectAccessible(): Promise<void> {
  for (const theme of THEMES) {
    document.documentElement.dataset.theme = theme;
    const { violations } = await axe.run(document.body, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      // A component alone is no page: it has no landmarks and no main heading.
      rules: { region: { enabled: false }, "page-has-heading-one": { enabled: false }, "landmark-one-main": { enabled: false } },
    });
    const found = violations.map(
      ({ id, nodes }) => `${theme}: ${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary ?? ""}`).join("; ")}`,
    );
    expect(found).toEqual([]);
  }
  document.documentElement.dataset.theme = "light";
}
