/// The invocations of this window, a tab each. They go on while the reader looks at something else.

import { signal } from "@preact/signals";

import { type Call, Invocation, type Means } from "./invocation.ts";

/** Tabs of one worker; the oldest that has ended gives way. */
const KEPT = 12;

export class Invocations {
  readonly #means: Means;
  readonly #all = signal<readonly Invocation[]>([]);
  readonly #selected = signal<ReadonlyMap<string, Invocation>>(new Map());
  #count = 0;

  constructor(means: Means) {
    this.#means = means;
  }

  of(workerId: string): readonly Invocation[] {
    return this.#all.value.filter((invocation) => invocation.workerId === workerId);
  }

  selectedOf(workerId: string): Invocation | undefined {
    return this.#selected.value.get(workerId);
  }

  select(invocation: Invocation): void {
    this.#selected.value = new Map(this.#selected.value).set(invocation.workerId, invocation);
  }

  invoke(call: Call): Invocation {
    this.#count += 1;
    const invocation = new Invocation(this.#count, call, this.#means);
    const own = this.of(call.workerId);
    const oldest = own.length >= KEPT ? own.find((other) => !other.isStreaming.value) : undefined;
    this.#all.value = [...this.#all.value.filter((other) => other !== oldest), invocation];
    this.select(invocation);
    return invocation;
  }

  /** Closes its tab; one that runs is stopped. */
  close(invocation: Invocation): void {
    if (invocation.isStreaming.value) {
      invocation.stop();
    }
    const own = this.of(invocation.workerId);
    const index = own.indexOf(invocation);
    this.#all.value = this.#all.value.filter((other) => other !== invocation);
    const next = own[index + 1] ?? own[index - 1];
    const map = new Map(this.#selected.value);
    if (next) {
      map.set(invocation.workerId, next);
    } else {
      map.delete(invocation.workerId);
    }
    this.#selected.value = map;
  }

  /** Stops and forgets what belongs to a worker that is gone. */
  closeAll(workerId: string): void {
    for (const invocation of this.of(workerId)) {
      if (invocation.isStreaming.value) {
        invocation.stop();
      }
    }
    this.#all.value = this.#all.value.filter((invocation) => invocation.workerId !== workerId);
    const map = new Map(this.#selected.value);
    map.delete(workerId);
    this.#selected.value = map;
  }
}
