/** What a report about the machine comes to. */
import type { Backend, Report } from "$lib/bindings";

export interface Painter {
  readonly backend: Backend;
  readonly name: string;
  readonly memoryBytes: number | null;
}

/** Builds of the worker, the fastest first. */
const ORDER: readonly Backend[] = ["cuda", "metal", "cpu"];

/** The device that pictures are made on; `null` when no build of the worker answers. */
export function painter(report: Report): Painter | null {
  for (const backend of ORDER) {
    const hello = report.workers.find((worker) => worker.backend === backend)?.hello;
    if (hello) return { backend, name: hello.device.name, memoryBytes: hello.device.memory_bytes };
  }
  return null;
}
