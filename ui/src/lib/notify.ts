/** The end of long work, told by the system to who does not look at the window. The shell knows whether somebody does. */
import { commands } from "$lib/bindings";
import { settings } from "$lib/settings.svelte";

export async function notify(title: string, body: string): Promise<void> {
  if (settings.current.notifications) await commands.notificationShow(title, body);
}
