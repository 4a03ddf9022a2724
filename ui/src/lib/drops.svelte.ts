/**
 * Files that are dropped on the window. The shell tells paths and a place; the topmost FileDrop under that place gets them.
 * Outside the shell (component tests) nothing is ever dropped.
 */
import { untrack } from "svelte";
import { isTauri } from "@tauri-apps/api/core";
import { getCurrentWebview } from "@tauri-apps/api/webview";

export interface DropTarget {
  readonly element: HTMLElement;
  readonly take: (paths: string[]) => void;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/**
 * Pixels of the page in one of the shell's. The shell counts in pixels of the screen on Windows, elsewhere in those of the
 * desktop (whatever its types say), and the page may be zoomed.
 */
function pagePixels(): number {
  return navigator.userAgent.includes("Windows") ? 1 / devicePixelRatio : innerWidth / (outerWidth || innerWidth);
}

class Drops {
  /** The target that files are being held over. */
  over = $state.raw<DropTarget | null>(null);
  #targets = new Set<DropTarget>();
  #listening = false;

  /** Offers a place for files; the answer withdraws it. */
  offer(target: DropTarget): () => void {
    this.#targets.add(target);
    if (!this.#listening && isTauri()) void this.#listen();
    return () => {
      this.#targets.delete(target);
      if (untrack(() => this.over) === target) this.over = null;
    };
  }

  async #listen(): Promise<void> {
    this.#listening = true;
    await getCurrentWebview().onDragDropEvent(({ payload }) => {
      switch (payload.type) {
        case "enter":
        case "over":
          this.over = this.#under(payload.position);
          break;
        case "drop":
          this.#under(payload.position)?.take(payload.paths);
          this.over = null;
          break;
        case "leave":
          this.over = null;
          break;
        default:
          payload satisfies never;
      }
    });
  }

  #under({ x, y }: Place): DropTarget | null {
    const scale = pagePixels();
    const element = document.elementFromPoint(x * scale, y * scale);
    const holding = [...this.#targets].filter((target) => element && target.element.contains(element));
    return holding.find((target) => !holding.some((other) => other !== target && target.element.contains(other.element))) ?? null;
  }
}

export const drops = new Drops();
