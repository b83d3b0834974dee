/// The time, for ages and expiries on the screen.

import { signal } from "@preact/signals";

import { serverNow } from "../api/clock.ts";

const TICK_MS = 5_000;

/** The server's time in Unix milliseconds, moved on every few seconds. */
export const now = signal(serverNow());

/** After an answer that may have told us more about the server's clock. */
export function tick(): void {
  now.value = serverNow();
}

setInterval(() => {
  if (!document.hidden) {
    tick();
  }
}, TICK_MS);
document.addEventListener("visibilitychange", tick);
