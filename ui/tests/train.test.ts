/** Train works on the style that was chosen last, whatever led there. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { styles } from "$lib/styles.svelte";
import { TrainState } from "../src/screens/train/train.svelte";
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

test("steps and rank that are still being typed are asked for as whole numbers", async () => {
  const started = studioThat({
    training_show: () => null,
    style_plan: () => refuse({ code: "internal", details: { reason: "" } }),
    artwork_list: () => [],
  });
  end = started.end;
  const train = new TrainState();
  train.draft.steps = 400.5;
  await train.open(3);
  const plan = started.asked.find(({ command }) => command === "style_plan");
  expect(plan?.arguments).toEqual({ request: { style: 3, preset: "balanced", steps: 401, rank: null, restart: false } });
});
