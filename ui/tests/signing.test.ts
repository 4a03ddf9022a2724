/** Name and signature are kept however their fields are left, and the last change stays. */
import { afterEach, expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { render } from "vitest-browser-svelte";
import type { SignatureFacts } from "$lib/bindings";
import { toasts } from "$lib/toasts.svelte";
import { SettingsScreenState } from "../src/screens/settings/settings.svelte";
import SigningOf from "./SigningOf.svelte";
import { refuse, studioThat } from "./studio";

let end: () => void = () => undefined;
afterEach(() => {
  for (const toast of toasts.shown) toasts.dismiss(toast.id);
  end();
});

const field = page.getByRole("textbox", { name: "Your name as an artist" });

interface Studio {
  state: SettingsScreenState;
  /** What was asked to be kept, in its order. */
  given: SignatureFacts[];
  /** What the studio has. */
  kept: () => SignatureFacts;
}

/** Keeps signatures as soon as `ready`, but none whose artist is `nobody`. */
async function studio(ready: Promise<void> = Promise.resolve()): Promise<Studio> {
  const given: SignatureFacts[] = [];
  let kept: SignatureFacts = { artist: "Iris", image: false, corner: "bottom-right", width: 0.2, opacity: 0.8 };
  const started = studioThat({
    signature_get: () => kept,
    signature_set: async ({ signature }: { signature: SignatureFacts }) => {
      given.push(signature);
      await ready;
      if (signature.artist === "nobody") refuse({ code: "not_writable", details: { path: "/library" } });
      return (kept = { ...signature });
    },
    sample_list: () => [],
    machine_report: () => refuse({ code: "internal", details: { reason: "" } }),
  });
  end = started.end;
  const state = new SettingsScreenState();
  await state.load();
  return { state, given, kept: () => kept };
}

test("who leaves by a key has the name kept, or hears why not", async () => {
  const { state, given, kept } = await studio();
  const first = await render(SigningOf, { state });
  await field.fill("Iris Kim");
  await first.unmount();
  await expect.poll(() => kept().artist).toBe("Iris Kim");
  const second = await render(SigningOf, { state });
  await field.fill("nobody");
  await second.unmount();
  await expect.poll(() => toasts.shown).toHaveLength(1);
  expect(given.map(({ artist }) => artist)).toEqual(["Iris Kim", "nobody"]);
});

test("a name is kept once, and one that is only looked at is not written", async () => {
  const { state, given } = await studio();
  const first = await render(SigningOf, { state });
  await field.fill("Kim");
  await userEvent.keyboard("{Tab}");
  await first.unmount();
  const second = await render(SigningOf, { state });
  await field.click();
  await second.unmount();
  await expect.poll(() => given.map(({ artist }) => artist)).toEqual(["Kim"]);
});

test("a change that is made while another one is written stays", async () => {
  let open: () => void = () => undefined;
  const { state, given, kept } = await studio(new Promise((ready) => (open = ready)));
  state.showSignature({ corner: "top-left" });
  const first = state.keepSignature();
  await expect.poll(() => given).toHaveLength(1);
  state.showSignature({ opacity: 0.5 });
  const second = state.keepSignature();
  open();
  await Promise.all([first, second]);
  expect(kept()).toMatchObject({ corner: "top-left", opacity: 0.5 });
  expect(state.signature).toMatchObject({ corner: "top-left", opacity: 0.5 });
});
