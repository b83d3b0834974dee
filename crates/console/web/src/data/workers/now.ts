/// The time, for ages and expiries on the screen.

import { type Signal, signal } from "@preact/signals";

import type { Timers } from "../../lib/timers.ts";

const TICK_MS = 5_000;

/** The part of the document that says whether the page is in sight. */
export interface Sight {
  readonly hidden: boolean;
  addEventListener(type: "visibilitychange", listener: () => void): void;
}

export class Now {
  /** The server's time in Unix milliseconds, moved on every few seconds. */
  readonly time: Signal<number>;
  readonly #clock: { now(): number };

  constructor(clock: { now(): number }, timers: Timers, sight: Sight) {
    this.#clock = clock;
    this.time = signal(clock.now());
    timers.every(TICK_MS, () => {
      if (!sight.hidden) {
        this.tick();
      }
    });
    sight.addEventListener("visibilitychange", () => this.tick());
  }

  /** After an answer, which may have brought news of the server's clock. */
  tick(): void {
    this.time.value = this.#clock.now();
  }
}
