/** Text as a snippet, for components that take children. */
import { createRawSnippet, type Snippet } from "svelte";

export function text(content: string): Snippet {
  return createRawSnippet(() => ({ render: () => `<span>${content}</span>` }));
}
