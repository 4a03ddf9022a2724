/** What Settings knows beyond the settings themselves: the machine, the signature. */
import { createContext } from "svelte";
import { commands, type Folder, type Refusal, type Report, type Sample, type Settings, type Signature } from "$lib/bindings";
import { settings } from "$lib/settings.svelte";

export class SettingsScreenState {
  report = $state.raw<Report | null>(null);
  signature = $state.raw<Signature | null>(null);
  /** Counts the changes of the signature's picture, so that the new one is fetched. */
  signatureVersion = $state(0);
  signatureRefusal = $state.raw<Refusal | null>(null);
  /** A picture to show the signature on. */
  sample = $state.raw<Sample | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  #writing: Promise<void> = Promise.resolve();

  async load(): Promise<void> {
    const [report, signature, samples] = await Promise.all([commands.machineReport(), commands.signatureGet(), commands.sampleList()]);
    if (report.status === "ok") this.report = report.data;
    if (signature.status === "ok") this.signature = signature.data;
    if (samples.status === "ok") this.sample = samples.data.at(-1) ?? null;
    this.refusal = [report, signature].find((answer) => answer.status === "error")?.error ?? null;
  }

  async change(part: Partial<Settings>): Promise<void> {
    this.refusal = await settings.change(part);
  }

  async openFolder(which: Folder): Promise<void> {
    const answer = await commands.folderOpen(which);
    this.refusal = answer.status === "error" ? answer.error : null;
  }

  /** Shows a change of the signature at once; `keepSignature` makes it last. */
  showSignature(part: Partial<Signature>): void {
    if (this.signature) this.signature = { ...this.signature, ...part };
  }

  /** Keeps the signature as it is shown; one write after the other, so that the last one stays. */
  keepSignature(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.signature) this.#take(await commands.signatureSet(this.signature));
    });
    return this.#writing;
  }

  async uploadSignature(path: string): Promise<void> {
    this.#take(await commands.signatureImageSet(path), true);
  }

  async drawSignature(png: Uint8Array): Promise<void> {
    this.#take(await commands.signatureImageDraw(Array.from(png)), true);
  }

  async clearSignature(): Promise<void> {
    this.#take(await commands.signatureClear(), true);
  }

  #take(answer: Awaited<ReturnType<typeof commands.signatureGet>>, picture = false): void {
    if (answer.status === "error") {
      this.signatureRefusal = answer.error;
      return;
    }
    this.signatureRefusal = null;
    this.signature = answer.data;
    if (picture) this.signatureVersion += 1;
  }
}

export const [settingsState, provideSettingsState] = createContext<SettingsScreenState>();
