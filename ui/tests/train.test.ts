/** Train works on the style that was chosen last, whatever led there. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { styles } from "$lib/styles.svelte";
import { style } from "./records";
import { refuse, studioThat, visit } from "./studio";
import TrainOf from "./TrainOf.svelte";

let end: () => void = () => undefined;
afterEach(async () => {
  await visit("");
  end();
});

test("the style of the address is taken over once, and again by the next link to it", async () => {
  const started = studioThat({
    style_list: () => [style(3, "ink"), style(5, "pastel")],
    training_show: () => null,
    style_plan: ({ request }: { request: { style: number } }) =>
      refuse({ code: "style_too_few_artworks", details: { style: String(request.style), valid: 0, valid_min: 10 } }),
    artwork_list: () => [],
    settings_set: ({ settings }: { settings: unknown }) => settings,
  });
  end = started.end;
  await styles.load();
  await visit("#/train?style=3");
  await render(TrainOf);
  await expect.poll(() => styles.current?.name).toBe("ink");
  styles.choose(5);
  // As when a training begins or ends.
  await styles.load();
  await expect.element(page.getByRole("combobox", { name: "Style" })).toHaveTextContent("pastel");
  expect(styles.current?.name).toBe("pastel");
  await visit("#/train?style=3");
  await expect.poll(() => styles.current?.name).toBe("ink");
});
