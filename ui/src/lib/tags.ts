/** Tags as the library knows them: which there are, and whether a word can be one. */
import { commands, type Refusal } from "$lib/bindings";

export interface TagSuggestion {
  readonly tag: string;
  /** On how many artworks it is; 0 for those that only the base model knows. */
  readonly uses: number;
}

/** A tag as it is kept (lower case, single spaces), or why it cannot be one. */
export type CheckedTag = { readonly tag: string } | { readonly refusal: Refusal };

/** Tags that begin with `prefix`, the most used first. */
export async function completeTag(prefix: string): Promise<readonly TagSuggestion[]> {
  const answer = await commands.tagComplete(prefix);
  return answer.status === "ok" ? answer.data.map(({ name, usage_count }) => ({ tag: name, uses: usage_count })) : [];
}

/** Whether `text` can be a tag. */
export async function checkTag(text: string): Promise<CheckedTag> {
  const answer = await commands.tagCheck(text);
  return answer.status === "ok" ? { tag: answer.data } : { refusal: answer.error };
}
