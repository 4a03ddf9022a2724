/** What Settings knows beyond the settings themselves: the machine, the signature. */
import { createContext } from "svelte";
import { commands, type Folder, type Refusal, type Report, type Sample, type Settings, type SignatureFacts } from "$lib/bindings";
import { settings } from "$lib/settings.svelte";

export class SettingsScreenState {
  report = $state.raw<Report | null>(null);
  signature = $state.raw<SignatureFacts | null>(null);
  /** Counts the changes of the signature's picture, so that the new one is fetched. */
  signatureVersion = $state(0);
  signatureRefusal = $state.raw<Refusal | null>(null);
  /** A picture to show the signature on. */
  sample = $state.raw<Sample | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  /** The signature that the studio has or was asked to keep; what is shown may be newer. */
  #asked: SignatureFacts | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  /** Asks what the screen shows; the drivers behind the report may take seconds, and nothing waits for them. */
  async load(): Promise<void> {
    void this.#loadReport();
    // What is still being written is read as it was meant.
    const [signature, samples] = await Promise.all([this.#writing.then(() => commands.signatureGet()), commands.sampleList()]);
    this.#take(signature);
    if (samples.status === "ok") this.sample = samples.data.at(-1) ?? null;
  }

  async #loadReport(): Promise<void> {
    const report = await commands.machineReport();
    if (report.status === "ok") this.report = report.data;
    else this.refusal = report.error;
  }

  async change(part: Partial<Settings>): Promise<void> {
    this.refusal = await settings.change(part);
  }

  async openFolder(which: Folder): Promise<void> {
    const answer = await commands.folderOpen(which);
    this.refusal = answer.status === "error" ? answer.error : null;
  }

  /** Shows a change of the signature at once; `keepSignature` makes it last. */
  showSignature(part: Partial<SignatureFacts>): void {
    if (this.signature) this.signature = { ...this.signature, ...part };
  }

  /** Keeps the signature as it is shown, or says why not; one write after the other, so that the last one stays. */
  keepSignature(): Promise<Refusal | null> {
    const written = this.#writing.then(() => this.#keep());
    this.#writing = written;
    return written;
  }

  async #keep(): Promise<Refusal | null> {
    const sent = this.signature;
    if (!sent || sent === this.#asked) return null;
    this.#asked = sent;
    const answer = await commands.signatureSet(sent);
    // What was changed meanwhile is newer than this answer.
    if (answer.status === "error" || this.signature === sent) this.#take(answer);
    return answer.status === "error" ? answer.error : null;
  }

  async uploadSignature(path: string): Promise<void> {
    this.#take(await commands.signatureImageSet(path), true);
  }

  /** Whether it was kept. */
  async drawSignature(png: Uint8Array): Promise<boolean> {
    const answer = await commands.signatureImageDraw(Array.from(png));
    this.#take(answer, true);
    return answer.status === "ok";
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
    this.signature = this.#asked = answer.data;
    if (picture) this.signatureVersion += 1;
  }
}

export const [settingsState, provideSettingsState] = createContext<SettingsScreenState>();
