/** The samples of a training: a row for each prompt, a column for each step, also where a picture is missing. */
import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Training } from "$lib/bindings";
import Samples from "../src/screens/train/Samples.svelte";
import { sheetOf } from "../src/screens/train/samples";
import { expectAccessible } from "./axe";

const training: Training = {
  job: 5,
  status: "completed",
  preset: "quick",
  step: 300,
  steps: 300,
  progress: 1,
  losses: [],
  samples: [
    { step: 300, index: 0, prompt: "ink wash, cat" },
    { step: 0, index: 1, prompt: "ink wash, boat" },
    { step: 0, index: 0, prompt: "ink wash, cat" },
  ],
  metric: null,
  failure: null,
  can_be_restored: false,
};

test("steps rise from left to right, prompts keep their rows", async () => {
  await render(Samples, { training });
  await expect.element(page.getByRole("columnheader", { name: "Before training" })).toBeVisible();
  await expect.element(page.getByRole("columnheader", { name: "Step 300" })).toBeVisible();
  await expect.element(page.getByRole("button", { name: "Step 300: ink wash, cat" })).toBeVisible();
  await expect.element(page.getByRole("button", { name: "Step 300: ink wash, boat" })).not.toBeInTheDocument();
  expect(sheetOf(training.samples).rows.map(({ prompt }) => prompt)).toEqual(["ink wash, cat", "ink wash, boat"]);
  await expectAccessible();
});

test("a sample is looked at closely and left by Escape", async () => {
  await render(Samples, { training });
  await userEvent.click(page.getByRole("button", { name: "Step 300: ink wash, cat" }));
  await expect.element(page.getByRole("dialog", { name: "Step 300: ink wash, cat" })).toBeVisible();
  await userEvent.keyboard("{Escape}");
  await expect.element(page.getByRole("dialog")).not.toBeInTheDocument();
});
