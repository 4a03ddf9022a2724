/** A studio that answers commands as a test says, and remembers what it was asked. */
import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";

/** A method, so that each may say what its command is given. */
type Answer = { of(given: unknown): unknown }["of"];
type Answers = Record<string, Answer>;

/** Commands by name; the answer takes the mock away. A command that nobody expects fails the test that asks it. */
export function studioThat(answers: Answers): { asked: { command: string; arguments: unknown }[]; end: () => void } {
  const asked: { command: string; arguments: unknown }[] = [];
  mockIPC(
    (command, given) => {
      asked.push({ command, arguments: given });
      const answer = answers[command];
      if (!answer) throw new Error(`nobody answers ${command}`);
      return answer(given);
    },
    { shouldMockEvents: true },
  );
  return { asked, end: clearMocks };
}
