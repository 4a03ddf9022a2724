/** The folder for exports is kept however its field is left. */
import { afterEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { Settings } from "$lib/bindings";
import { settings } from "$lib/settings.svelte";
import { toasts } from "$lib/toasts.svelte";
import StorageOf from "./StorageOf.svelte";
import { refuse, studioThat } from "./studio";

let end: () => void = () => undefined;
afterEach(() => {
  settings.take({ ...settings.current, export_folder: null });
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
  end();
});

const field = page.getByRole("textbox", { name: "Exports" });

/** Keeps folders, `~` written out, and refuses what begins nowhere; tells what it was given. */
function studio(): (string | null)[] {
  const given: (string | null)[] = [];
  const started = studioThat({
    settings_set: ({ settings }: { settings: Settings }) => {
      const folder = settings.export_folder;
      given.push(folder);
      if (folder && !/^[/~]/.test(folder)) refuse({ code: "path_incomplete", details: { path: folder } });
      return { ...settings, export_folder: folder?.replace("~", "/home/iris") ?? null };
    },
  });
  end = started.end;
  return given;
}

test("a typed folder is kept by Tab and by Enter, each time once", async () => {
  const given = studio();
  await render(StorageOf);
  await field.fill("~/out");
  await userEvent.keyboard("{Tab}");
  await expect.element(field).toHaveValue("/home/iris/out");
  await field.fill("/elsewhere");
  await userEvent.keyboard("{Enter}{Tab}");
  await expect.poll(() => settings.current.export_folder).toBe("/elsewhere");
  await field.fill("");
  await userEvent.keyboard("{Tab}");
  await expect.poll(() => settings.current.export_folder).toBeNull();
  expect(given).toEqual(["~/out", "/elsewhere", null]);
});

test("what is refused is said at the field, and is not kept", async () => {
  studio();
  await render(StorageOf);
  await field.fill("out");
  await userEvent.keyboard("{Tab}");
  await expect.element(field).toBeInvalid();
  expect(settings.current.export_folder).toBeNull();
  await field.fill("/out");
  await userEvent.keyboard("{Tab}");
  await expect.element(field).toBeValid();
});

test("who leaves by a key has it kept, or hears why not", async () => {
  const given = studio();
  const first = await render(StorageOf);
  await field.fill("/out");
  await first.unmount();
  await expect.poll(() => settings.current.export_folder).toBe("/out");
  const second = await render(StorageOf);
  await field.fill("out");
  await second.unmount();
  await expect.poll(() => toasts.shown).toHaveLength(1);
  expect(given).toEqual(["/out", "out"]);
});
