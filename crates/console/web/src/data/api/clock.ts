/// The server's clock, as its responses show it: ages and expiries must not depend on how this machine's clock is set.

/** A difference of a second or two comes from the network and from rounding. */
const TOLERATED_MS = 2_000;

export class ServerClock {
  readonly #localNow: () => number;
  #ahead = 0;

  constructor(localNow: () => number = Date.now) {
    this.#localNow = localNow;
  }

  /** Learns from a response's `Date`, which counts whole seconds. */
  learn(response: Response): void {
    const told = Date.parse(response.headers.get("Date") ?? "");
    if (Number.isFinite(told)) {
      const difference = told - this.#localNow();
      this.#ahead = Math.abs(difference) > TOLERATED_MS ? difference : 0;
    }
  }

  /** Unix milliseconds on the server. */
  now(): number {
    return this.#localNow() + this.#ahead;
  }
}
