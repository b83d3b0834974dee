/// One run of one function, as it is watched.

import { computed, signal } from "@preact/signals";

import { formatJson, parseExactly } from "../../lib/json.ts";
import { LogBuffer } from "../../lib/log/buffer.ts";
import type { Timers } from "../../lib/timers.ts";
import type { Api } from "../api/client.ts";
import { ApiError, asApiError, wasAborted } from "../api/error.ts";
import { readEvents, type ServerEvent } from "../api/events.ts";
import type { ErrorEvent, LogEvent, Receipt, ResultEvent } from "../api/types.ts";

export type Outcome =
  | { readonly kind: "result"; readonly json: string; readonly warnings: ResultEvent["warnings"]; readonly receipt: Receipt }
  | { readonly kind: "error"; readonly error: ErrorEvent; readonly receipt: Receipt }
  /** It did not begin. */
  | { readonly kind: "refused"; readonly error: ApiError }
  /** The reader stopped it. */
  | { readonly kind: "stopped" }
  /** The stream broke before the outcome arrived. */
  | { readonly kind: "lost"; readonly error: ApiError };

/** What is run. */
export interface Call {
  readonly workerId: string;
  readonly functionName: string;
  readonly payload: string;
}

/** With what it is run. */
export interface Means {
  readonly api: Pick<Api, "invoke">;
  readonly timers: Timers;
  /** Milliseconds since any moment, as `performance.now` returns them. */
  readonly elapsed: () => number;
}

export class Invocation {
  /** For tabs: counts from 1 in this window. */
  readonly number: number;
  readonly startedAt: number;
  readonly log = new LogBuffer();
  readonly lineCount = signal(0);
  readonly outcome = signal<Outcome | null>(null);
  /** Set once the server has begun to answer. */
  readonly begun = signal(false);
  readonly isStreaming = computed(() => this.outcome.value === null);
  /** Milliseconds from the click to the outcome. */
  readonly elapsed = signal(0);
  readonly workerId: string;
  readonly functionName: string;
  readonly payload: string;
  readonly #means: Means;
  readonly #abort = new AbortController();

  constructor(number: number, { workerId, functionName, payload }: Call, means: Means) {
    this.number = number;
    this.workerId = workerId;
    this.functionName = functionName;
    this.payload = payload;
    this.#means = means;
    this.startedAt = means.elapsed();
    void this.#run();
  }

  /** Cancels it: the server ends an invocation whose caller goes away. */
  stop(): void {
    this.#finish({ kind: "stopped" });
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    try {
      const { api, timers } = this.#means;
      const payload = this.payload.trim() === "" ? "{}" : this.payload;
      const response = await api.invoke(this.workerId, this.functionName, payload, this.#abort.signal);
      this.begun.value = true;
      await readEvents(response, (events) => this.#take(events), timers);
      this.#finish({ kind: "lost", error: new ApiError("The stream ended before the outcome arrived.", "unreachable", 0) });
    } catch (error) {
      if (!wasAborted(error)) {
        this.#finish({ kind: this.begun.value ? "lost" : "refused", error: asApiError(error) });
      }
    }
  }

  #take(events: readonly ServerEvent[]): void {
    let outcome: Outcome | null = null;
    for (const event of events) {
      if (event.name === "log") {
        this.log.append(JSON.parse(event.data) as LogEvent);
      } else if (event.name === "result") {
        outcome = resultOf(event.data);
      } else if (event.name === "error") {
        const error = JSON.parse(event.data) as ErrorEvent;
        outcome = { kind: "error", error, receipt: error };
      }
    }
    this.lineCount.value = this.log.lines.length;
    this.log.notify(outcome !== null);
    if (outcome) {
      this.#finish(outcome);
    }
  }

  #finish(outcome: Outcome): void {
    if (this.outcome.value === null) {
      this.elapsed.value = this.#means.elapsed() - this.startedAt;
      this.outcome.value = outcome;
    }
  }
}

function resultOf(data: string): Outcome {
  const receipt = JSON.parse(data) as ResultEvent;
  const { result } = parseExactly(data) as { readonly result: unknown };
  return { kind: "result", json: formatJson(result), warnings: receipt.warnings, receipt };
}
