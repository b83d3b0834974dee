import assert from "node:assert/strict";

import type { Cancel, Timers } from "../src/lib/timers.ts";

interface Timer {
  due: number;
  readonly again: number | null;
  readonly then: () => void;
}

/** Timers that go off when the test says so. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #timers = new Set<Timer>();

  after(ms: number, then: () => void): Cancel {
    return this.#add({ due: this.#now + ms, again: null, then });
  }

  every(ms: number, then: () => void): Cancel {
    return this.#add({ due: this.#now + ms, again: ms, then });
  }

  /** How many have not gone off. */
  get pending(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = next.due;
      if (next.again === null) {
        this.#timers.delete(next);
      } else {
        next.due += next.again;
      }
      next.then();
    }
    this.#now = end;
  }

  #next(end: number): Timer | undefined {
    return [...this.#timers].filter((timer) => timer.due <= end).sort((one, other) => one.due - other.due)[0];
  }

  #add(timer: Timer): Cancel {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Turns of the event loop that a test waits for something which needs no time. */
const MOST_TURNS = 1_000;

/** Lets everything happen that needs no time, until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn += 1) {
    assert.ok(turn < MOST_TURNS, `it never came to ${condition}`);
    await turnOfTheLoop();
  }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await turnOfTheLoop();
  }
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
