/**
 * One tooltip for the whole window. `{@attach tooltip("Rotate", "r")}` shows it when the pointer rests on the element or the
 * keyboard reaches it; Escape sends it away, and the pointer may move onto it.
 */
import type { Attachment } from "svelte/attachments";
import { keyNames } from "$lib/keys";

const DELAY_MS = 500;
const GAP_PX = 6;

let bubble: HTMLElement | undefined;
let anchor: Element | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function make(): HTMLElement {
  const made = document.createElement("div");
  made.setAttribute("role", "tooltip");
  made.className = "floating fixed px-2 py-1 text-sm text-ink pointer-events-auto max-w-80 rounded-md";
  made.style.zIndex = "100";
  made.addEventListener("pointerleave", hide);
  document.body.append(made);
  return made;
}

function hide(): void {
  clearTimeout(timer);
  anchor = undefined;
  bubble?.remove();
  bubble = undefined;
}

function place(over: HTMLElement, at: DOMRect): void {
  const { width, height } = over.getBoundingClientRect();
  const above = at.bottom + GAP_PX + height > innerHeight;
  const left = Math.min(Math.max(GAP_PX, at.left + at.width / 2 - width / 2), innerWidth - width - GAP_PX);
  over.style.left = `${left}px`;
  over.style.top = `${above ? at.top - GAP_PX - height : at.bottom + GAP_PX}px`;
}

function show(element: Element, text: string, keys?: string): void {
  bubble ??= make();
  anchor = element;
  bubble.textContent = keys ? `${text}  ${keyNames(keys).join(" ")}` : text;
  place(bubble, element.getBoundingClientRect());
}

/** Shows `text`, and the shortcut if there is one, beside the element. The element's own name has to say the same. */
export function tooltip(text: string, keys?: string): Attachment {
  return (element) => {
    const later = () => {
      clearTimeout(timer);
      timer = setTimeout(() => show(element, text, keys), DELAY_MS);
    };
    const focused = () => element.matches(":focus-visible") && show(element, text, keys);
    const left = (event: Event) => {
      if (event instanceof PointerEvent && bubble && event.relatedTarget === bubble) return;
      hide();
    };
    const escape = (event: Event) => event instanceof KeyboardEvent && event.key === "Escape" && hide();
    const heard: [string, (event: Event) => void][] = [
      ["pointerenter", later],
      ["pointerleave", left],
      ["pointerdown", hide],
      ["focus", focused],
      ["blur", hide],
      ["keydown", escape],
    ];
    for (const [name, listener] of heard) element.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of heard) element.removeEventListener(name, listener);
      if (anchor === element) hide();
    };
  };
}
