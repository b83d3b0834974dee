/// The last payloads of every function, newest first.

import { signal } from "@preact/signals";

import type { Store } from "./store.ts";

const KEPT = 12;
/** Longer ones are not remembered: the browser keeps about 5 MiB for the whole console. */
const LONGEST = 64 * 1024;

export class Payloads {
  readonly #store: Store;
  /** Counts the changes, so that what shows the payloads is drawn again. */
  readonly #changes = signal(0);

  constructor(store: Store) {
    this.#store = store;
  }

  of(workerId: string, name: string): readonly string[] {
    void this.#changes.value;
    try {
      const kept: unknown = JSON.parse(this.#store.get(key(workerId, name)) ?? "[]");
      return Array.isArray(kept) ? kept.filter((payload) => typeof payload === "string") : [];
    } catch {
      return [];
    }
  }

  remember(workerId: string, name: string, payload: string): void {
    if (payload.length > LONGEST) {
      return;
    }
    const others = this.of(workerId, name).filter((other) => other !== payload);
    this.#store.set(key(workerId, name), JSON.stringify([payload, ...others].slice(0, KEPT)));
    this.#changes.value = this.#changes.peek() + 1;
  }

  /** Forgets those of one worker, or all. */
  forget(workerId?: string): void {
    this.#store.removeAll(workerId ? `payloads.${workerId}.` : "payloads.");
    this.#changes.value = this.#changes.peek() + 1;
  }
}

const key = (workerId: string, name: string) => `payloads.${workerId}.${name}`;
