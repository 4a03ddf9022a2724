/** A studio that answers commands as a test says, and remembers what it was asked. */
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import type { Refusal } from "$lib/bindings";

/** A method, so that each may say what its command is given. */
type Answer = { of(given: unknown): unknown }["of"];
type Answers = Record<string, Answer>;

/** Refuses as a command does, with what the core really sends. */
export function refuse(refusal: Refusal): never {
  refusals.add(refusal);
  throw refusal;
}

const refusals = new WeakSet<object>();
const isRefusal = (thrown: unknown) => typeof thrown === "object" && thrown !== null && refusals.has(thrown);

/** Commands by name; the answer takes the mock away. A command that nobody expects fails the test that asks it. */
export function studioThat(answers: Answers): { asked: { command: string; arguments: unknown }[]; end: () => void } {
  const asked: { command: string; arguments: unknown }[] = [];
  mockIPC(
    (command, given) => {
      asked.push({ command, arguments: given });
      const answer = answers[command];
      if (!answer) throw new Error(`nobody answers ${command}`);
      try {
        return answer(given);
      } catch (thrown) {
        throw thrown instanceof Error || isRefusal(thrown) ? thrown : new Error(`${command} refuses with \`refuse\`, which is typed`);
      }
    },
    { shouldMockEvents: true },
  );
  return { asked, end: clearMocks };
}

/** Shows an address, as a link does; answers when the page has heard of it. */
export async function visit(hash: string): Promise<void> {
  if (location.hash === hash) return;
  const heard = new Promise((done) => window.addEventListener("hashchange", done, { once: true }));
  location.hash = hash;
  await heard;
}
