/** Files that are brought in: each is taken for what it is, and what is refused is said where one looks. */
import { afterEach, expect, test } from "vitest";
import { page } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import { type AvailableModel, events, type InstalledModel } from "$lib/bindings";
import { toasts } from "$lib/toasts.svelte";
import { ModelsState } from "../src/screens/models/models.svelte";
import { expectAccessible } from "./axe";
import ModelsOf from "./ModelsOf.svelte";
import { refuse, studioThat } from "./studio";

const fits = { generate: true, train: true, generate_mb: 1, train_mb: 1, available_mb: 2 };
const installed = (id: string, architecture: string): InstalledModel => ({
  id,
  architecture,
  native_size_px: 128,
  bytes: 1e9,
  license: null,
  owned: false,
  published: false,
  fits,
});
const sdxl: AvailableModel = {
  ...installed("sdxl", "sdxl"),
  name: "Stable Diffusion XL",
  license: "OpenRAIL",
  license_url: "https://example.org/license",
  partial_bytes: 2e9,
  downloading: false,
};

let end: () => void = () => undefined;
afterEach(() => {
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
  end();
});

function studio(others: Parameters<typeof studioThat>[0] = {}) {
  const started = studioThat({
    model_list: () => ({ installed: [installed("starter", "sd15-small"), installed("mine", "sd15")], available: [sdxl] }),
    model_recognise: ({ path }: { path: string }) =>
      path.includes("lora") ? { kind: "style", architecture: "sd15" } : { kind: "model", architecture: null },
    style_import: ({ file }: { file: string }) => ({ id: 1, name: file }),
    model_import: ({ path }: { path: string }) =>
      refuse({ code: "file_invalid", details: { file: path, reason: { code: "not_safetensors", details: {} } } }),
    model_download: () => null,
    model_download_discard: () => null,
    style_list: () => [],
    notification_show: () => null,
    work_cancel: () => null,
    ...others,
  });
  end = started.end;
  return started.asked;
}

const of = (all: { command: string; arguments: unknown }[], command: string) =>
  all.filter((one) => one.command === command).map((one) => one.arguments);

test("dropped files are all taken in, each as what it is, and a refusal comes into sight", async () => {
  const asked = studio();
  const state = new ModelsState();
  await render(ModelsOf, { state });
  await expect.element(page.getByRole("heading", { name: "On this machine" })).toBeVisible();
  page.getByRole("heading", { name: "Bring your own" }).element().scrollIntoView();
  await state.take(["/in/broken.safetensors", "/in/lora.safetensors"]);
  expect(of(asked, "style_import")).toMatchObject([{ file: "/in/lora.safetensors", name: null, model: "mine", own: false }]);
  await expect.element(page.getByRole("alert")).toBeInViewport();
  await expect.element(page.getByRole("alert")).toHaveTextContent("it is damaged or not a safetensors file");
  await expectAccessible();
  await page.getByRole("button", { name: "Dismiss" }).first().click();
  await expect.element(page.getByRole("alert")).not.toBeInTheDocument();
});

test("a style says that it is one before it is taken in, and whose it is", async () => {
  const asked = studio();
  const state = new ModelsState();
  await render(ModelsOf, { state });
  await page.getByRole("textbox", { name: "File or folder" }).fill("/in/lora.safetensors");
  await expect.element(page.getByText("A style (LoRA).")).toBeVisible();
  await page.getByRole("switch", { name: "I made this style myself" }).click();
  await page.getByRole("button", { name: "Import" }).click();
  await expect
    .poll(() => of(asked, "style_import"))
    .toMatchObject([{ file: "/in/lora.safetensors", name: null, model: "mine", own: true }]);
});

test("what was typed comes back when it is refused", async () => {
  studio();
  await render(ModelsOf, { state: new ModelsState() });
  await page.getByRole("textbox", { name: "File or folder" }).fill("/in/broken.safetensors");
  await page.getByRole("textbox", { name: "Name" }).fill("mine too");
  await page.getByRole("button", { name: "Import" }).click();
  await expect.element(page.getByRole("alert")).toHaveTextContent("it is damaged");
  await expect.element(page.getByRole("textbox", { name: "File or folder" })).toHaveValue("/in/broken.safetensors");
  await expect.element(page.getByRole("textbox", { name: "Name" })).toHaveValue("mine too");
});

test("an import that is stopped before it began never begins", async () => {
  let recognised: (weights: unknown) => void = () => undefined;
  const asked = studio({ model_recognise: () => new Promise((done) => (recognised = done)) });
  const state = new ModelsState();
  await render(ModelsOf, { state });
  const taking = state.take(["/in/model"]);
  await page.getByRole("button", { name: "Cancel: model", exact: true }).click();
  recognised({ kind: "model", architecture: null });
  await taking;
  expect(of(asked, "model_import")).toEqual([]);
});

test("the import of a style is stopped in the studio, too", async () => {
  const works = { imported: 0, cancelled: 0 };
  let imported: (style: unknown) => void = () => undefined;
  studio({
    style_import: ({ work }: { work: number }) => ((works.imported = work), new Promise((done) => (imported = done))),
    work_cancel: ({ work }: { work: number }) => ((works.cancelled = work), null),
  });
  const state = new ModelsState();
  await render(ModelsOf, { state });
  const taking = state.take(["/in/lora.safetensors"]);
  await expect.poll(() => works.imported).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Cancel: lora.safetensors" }).click();
  imported({ id: 1, name: "lora" });
  await taking;
  expect(works.cancelled).toBe(works.imported);
});

test("a download says how long it still takes, and what has arrived of one can be discarded", async () => {
  const asked = studio();
  const state = new ModelsState();
  await render(ModelsOf, { state });
  await page.getByRole("button", { name: "Discard the download of Stable Diffusion XL" }).click();
  await page.getByRole("button", { name: "Discard", exact: true }).click();
  await expect.poll(() => of(asked, "model_download_discard")).toEqual([{ id: "sdxl" }]);
  await page.getByRole("button", { name: "Resume the download of Stable Diffusion XL" }).click();
  const arrived = (have: number) => events.downloadProgressed.emit({ id: "sdxl", file: "x.safetensors", have, all: 6e9 });
  await arrived(2e9);
  await new Promise((done) => setTimeout(done, 2_100));
  await arrived(4e9);
  await expect.element(page.getByText(/4 GB of 6 GB · 2 sec left/)).toBeVisible();
});
