/// How long to wait before the next attempt: twice as long after each one that failed, up to a limit.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** From 0 to 1, as `Math.random` returns it. */
  readonly random?: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #pause: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#pause = options.firstMs;
  }

  /**
   * The pause before the next attempt: up to a quarter shorter or longer, so that clients of one server do not come all
   * at once.
   */
  next(): number {
    const { longestMs, random = Math.random } = this.#options;
    const pause = this.#pause * (0.75 + random() / 2);
    this.#pause = Math.min(this.#pause * 2, longestMs);
    return pause;
  }

  /** An attempt succeeded. */
  reset(): void {
    this.#pause = this.#options.firstMs;
  }
}
