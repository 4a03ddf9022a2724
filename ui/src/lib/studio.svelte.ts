/** The start of the window: asks the studio for its facts and fills what all screens share. */
import { commands, type Refusal, type StudioFacts } from "$lib/bindings";
import { jobs } from "$lib/jobs.svelte";
import { settings } from "$lib/settings.svelte";
import { styles } from "$lib/styles.svelte";
import { toasts } from "$lib/toasts.svelte";

class Studio {
  facts = $state.raw<StudioFacts | null>(null);
  /** Why the studio did not open: another instance, a damaged library. */
  refusal = $state.raw<Refusal | null>(null);

  async start(): Promise<void> {
    this.refusal = null;
    const answer = await commands.studioStart();
    if (answer.status === "error") {
      this.refusal = answer.error;
      return;
    }
    settings.take(answer.data.settings);
    this.facts = answer.data;
    for (const refusal of await Promise.all([styles.start(), jobs.start()])) if (refusal) toasts.refuse(refusal);
  }
}

export const studio = new Studio();
