import type { Refusal } from "$lib/bindings";

/** What a command answers. */
export type Answer<T> = { status: "ok"; data: T } | { status: "error"; error: Refusal };
