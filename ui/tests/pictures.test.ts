/** What shows pictures and values: comparing, zooming, the curve, stars, progress. */
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Finding } from "$lib/bindings";
import CompareSlider from "$lib/CompareSlider.svelte";
import EmptyState from "$lib/EmptyState.svelte";
import LineChart from "$lib/LineChart.svelte";
import Meter from "$lib/Meter.svelte";
import PictureView from "$lib/PictureView.svelte";
import ProgressBar from "$lib/ProgressBar.svelte";
import Rating from "$lib/Rating.svelte";
import RefusalNote from "$lib/RefusalNote.svelte";
import { expectAccessible } from "./axe";

const picture = (color: string) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="800" height="800"><rect width="800" height="800" fill="${color}"/></svg>`)}`;

test("two pictures are compared by arrow keys", async () => {
  await render(CompareSlider, { before: { src: picture("teal"), label: "Step 0" }, after: { src: picture("tomato"), label: "Step 400" } });
  await userEvent.keyboard("{Tab}{ArrowRight}");
  await expect
    .element(page.getByRole("slider", { name: "Line between Step 0 and Step 400" }))
    .toHaveAttribute("aria-valuetext", "51% Step 0");
  await expectAccessible();
});

test("a picture is zoomed by keys and buttons", async () => {
  await render(PictureView, { src: picture("teal"), alt: "A teal square", class: "h-96 w-96" });
  await expect.element(page.getByRole("button", { name: "Zoom out" })).toBeDisabled();
  await expect.element(page.getByText("48%")).toBeVisible();
  await userEvent.keyboard("{Tab}1");
  await expect.element(page.getByText("100%")).toBeVisible();
  await page.getByRole("button", { name: "Zoom out" }).click();
  await expect.element(page.getByText("80%")).toBeVisible();
  await userEvent.keyboard("0");
  await expect.element(page.getByText("48%")).toBeVisible();
  await expectAccessible();
});

test("a curve is a table, too", async () => {
  const points = Array.from({ length: 400 }, (_, step) => [step, 1 / (step + 1)] as const);
  await render(LineChart, { label: "Loss", points, xLabel: "Step", yLabel: "Loss", xMax: 400, marks: [100, 200] });
  expect(page.getByRole("table", { name: "Loss, as a table" }).getByRole("row").elements()).toHaveLength(21);
  await expectAccessible();
});

test("a curve of nothing is empty, not broken", async () => {
  await render(LineChart, { label: "Loss", points: [], xLabel: "Step", yLabel: "Loss" });
  await expect.element(page.getByRole("figure", { name: "Loss" })).toBeVisible();
  await expectAccessible();
});

test("stars are given, and taken back by choosing them again", async () => {
  const onrate = vi.fn();
  await render(Rating, { value: 3, onrate });
  await page.getByRole("radio", { name: "3 stars" }).click();
  expect(onrate).toHaveBeenLastCalledWith(0);
  await page.getByRole("radio", { name: "5 stars" }).click();
  expect(onrate).toHaveBeenLastCalledWith(5);
  await expectAccessible();
});

test("progress says how far and how long", async () => {
  await render(ProgressBar, { label: "Training ink", value: 0.25, detail: "3 min left" });
  const bar = page.getByRole("progressbar", { name: "Training ink" });
  await expect.element(bar).toHaveAttribute("aria-valuenow", "25");
  await expect.element(bar).toHaveAttribute("aria-valuetext", "25%, 3 min left");
  await expectAccessible();
});

test("progress that nobody knows has no value", async () => {
  await render(ProgressBar, { label: "Loading", value: null });
  await expect.element(page.getByRole("progressbar")).not.toHaveAttribute("aria-valuenow");
});

test("a meter says what its value means", async () => {
  await render(Meter, { label: "Artworks", value: 24, min: 0, max: 100, mark: 10, text: "24 of 10 to 100" });
  await expect.element(page.getByRole("meter", { name: "Artworks" })).toHaveAttribute("aria-valuetext", "24 of 10 to 100");
  await expectAccessible();
});

test("a refusal is said at once and can be put away", async () => {
  const ondismiss = vi.fn();
  await render(RefusalNote, { refusal: { code: "out_of_memory", details: { needed_mb: 12000, available_mb: 8000 } }, ondismiss });
  await expect.element(page.getByRole("alert")).toHaveTextContent("12,000 MB wanted, 8,000 MB there");
  await expectAccessible();
  await page.getByRole("button", { name: "Dismiss" }).click();
  expect(ondismiss).toHaveBeenCalledOnce();
});

test("a refusal says what was found in it, and no more than is known", async () => {
  const problems: Finding[] = [
    { code: "layers_without_effect", details: { layers: 1234 } },
    { code: "picture_unchanged", details: {} },
  ];
  const { rerender } = await render(RefusalNote, { refusal: { code: "style_unhealthy", details: { style: "ink", problems } } });
  const alert = page.getByRole("alert");
  await expect
    .element(alert)
    .toHaveTextContent("layers that have learnt nothing: 1,234; a picture with the style is the same as without it.");
  await rerender({ refusal: { code: "out_of_memory", details: { needed_mb: null, available_mb: null } } });
  await expect.element(alert).toHaveTextContent("The device ran out of memory. Close");
  await rerender({ refusal: { code: "number_out_of_range", details: { name: "count", value: "999", min: "1", max: "64" } } });
  await expect.element(alert).toHaveTextContent("Number of pictures: 999 is not between 1 and 64.");
});

test("emptiness says what belongs here", async () => {
  await render(EmptyState, { icon: "images", title: "No artworks yet", text: "Drop some here." });
  await expect.element(page.getByRole("heading", { name: "No artworks yet" })).toBeVisible();
  await expectAccessible();
});

test("a small picture fills the view, and can be seen as small as it is", async () => {
  const small = picture("teal").replaceAll("800", "96");
  await render(PictureView, { src: small, alt: "A small teal square", class: "h-96 w-96" });
  await expect.element(page.getByText("400%")).toBeVisible();
  await userEvent.keyboard("{Tab}1");
  await expect.element(page.getByText("100%")).toBeVisible();
  await expect.element(page.getByRole("button", { name: "Zoom out" })).toBeDisabled();
});
