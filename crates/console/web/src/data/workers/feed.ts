/// Keeps the list of workers right: subscribes to the server's events, reads the list, and does both again when the
/// connection was lost.

import { signal } from "@preact/signals";

import { Backoff } from "../../lib/backoff.ts";
import type { Cancel, Timers } from "../../lib/timers.ts";
import type { Api } from "../api/client.ts";
import { asApiError, wasAborted } from "../api/error.ts";
import { readEvents, type ServerEvent } from "../api/events.ts";
import type { WorkerEvent } from "../api/types.ts";
import type { Workers } from "./workers.ts";

/**
 * The events are those of every server over the same database, and a server says when it may have missed some. The list
 * is read again all the same, now and then, so that a change that did not arrive is not missed for long.
 */
const READ_AGAIN_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Events that arrive within this time are shown together: with many workers it costs milliseconds to show anything. */
const SHOW_MS = 100;

export interface FeedOptions {
  readonly api: Pick<Api, "events" | "list">;
  readonly workers: Workers;
  readonly timers: Timers;
  /** Whether the server wants another token; then it is of no use to try again. */
  readonly isRefused: () => boolean;
  /** Whether the page is out of sight. */
  readonly isHidden: () => boolean;
  /** Calls back when the browser is online again, until it is cancelled. */
  readonly onOnline: (then: () => void) => Cancel;
  readonly random?: () => number;
}

export class WorkerFeed {
  /** Whether changes reach us; `lost` since the first failure after it did, or could not be made at all. */
  readonly connection = signal<"connecting" | "live" | "lost">("connecting");
  readonly #options: FeedOptions;
  #following: AbortController | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Begins to follow the server, anew if it did already. */
  follow(): void {
    this.#following?.abort();
    this.#following = new AbortController();
    void this.#keepFollowing(this.#following.signal);
  }

  unfollow(): void {
    this.#following?.abort();
    this.#options.workers.clear();
  }

  async #keepFollowing(signal: AbortSignal): Promise<void> {
    const { workers, isRefused, random = Math.random } = this.#options;
    const backoff = new Backoff({ firstMs: FIRST_RETRY_MS, longestMs: LONGEST_RETRY_MS, random });
    while (!signal.aborted) {
      try {
        await this.#followOnce(signal, backoff);
      } catch (error) {
        if (signal.aborted || wasAborted(error)) {
          return;
        }
        workers.error.value = asApiError(error);
      }
      if (isRefused()) {
        return;
      }
      this.connection.value = "lost";
      await this.#waitOrOnline(backoff.next(), signal);
    }
  }

  /** Subscribes, reads the list, and applies what changes, until the stream ends. */
  async #followOnce(following: AbortSignal, backoff: Backoff): Promise<void> {
    const { api, timers, isHidden } = this.#options;
    const ended = new AbortController();
    const signal = AbortSignal.any([following, ended.signal]);
    const list = this.#listReader(signal);
    let stopReadingAgain: Cancel = () => {};
    try {
      const response = await api.events(signal);
      const show = this.#gather(signal, (events) => this.#apply(events, list.again));
      // Whatever changes from here on is in the stream, so nothing falls between it and the list.
      const reading = readEvents(response, show, timers);
      reading.catch(() => undefined);
      await list.read();
      this.connection.value = "live";
      backoff.reset();
      stopReadingAgain = timers.every(READ_AGAIN_MS, () => {
        if (!isHidden()) {
          list.again();
        }
      });
      await reading;
    } finally {
      stopReadingAgain();
      ended.abort();
    }
  }

  /** Hands on what comes within a moment as one. */
  #gather(signal: AbortSignal, onEvents: (events: readonly ServerEvent[]) => void): (events: readonly ServerEvent[]) => void {
    let gathered: ServerEvent[] = [];
    const handOn = () => {
      const all = gathered;
      gathered = [];
      if (!signal.aborted) {
        onEvents(all);
      }
    };
    return (events) => {
      if (gathered.length === 0) {
        this.#options.timers.after(SHOW_MS, handOn);
      }
      gathered.push(...events);
    };
  }

  #apply(events: readonly ServerEvent[], readAgain: () => void): void {
    this.#options.workers.apply(events.flatMap(workerEvent));
    if (events.some((event) => event.name === "reset")) {
      readAgain();
    }
  }

  /** Reads the list, once at a time. A request to read it again meanwhile makes it begin anew. */
  #listReader(signal: AbortSignal): { read: () => Promise<void>; again: () => void } {
    const { api, workers } = this.#options;
    let isReading = false;
    let isStale = false;
    const read = async () => {
      isReading = true;
      try {
        do {
          isStale = false;
          await workers.read(api.list(signal), () => isStale);
        } while (isStale);
      } finally {
        isReading = false;
      }
    };
    const again = () => {
      if (isReading) {
        isStale = true;
      } else {
        read().catch(() => undefined);
      }
    };
    return { read, again };
  }

  #waitOrOnline(ms: number, signal: AbortSignal): Promise<void> {
    const { timers, onOnline } = this.#options;
    return new Promise((resolve) => {
      const done = () => {
        cancelTimer();
        cancelOnline();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancelTimer = timers.after(ms, done);
      const cancelOnline = onOnline(done);
      signal.addEventListener("abort", done);
    });
  }
}

function workerEvent({ name, data }: ServerEvent): WorkerEvent[] {
  return name === "worker" || name === "invoked" || name === "deleted" ? [{ name, data: JSON.parse(data) }] : [];
}
