/// Server-sent events over `fetch`, which unlike `EventSource` can send a token and a body.

import { createParser } from "eventsource-parser";

import { type Timers, timers } from "../../lib/timers.ts";
import { unreachable, wasAborted } from "./error.ts";

export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** The server sends a comment every 15 s; a stream that is silent for this long is dead, even if it has not ended. */
const SILENCE_MS = 45_000;

/**
 * Calls `onEvents` with what has arrived, as soon as it arrives. Returns when the server has closed the stream; throws
 * when it broke, or an `AbortError` when it was cancelled through the request's signal.
 */
export async function readEvents(response: Response, onEvents: (events: ServerEvent[]) => void, time: Timers = timers): Promise<void> {
  if (!response.body) {
    return;
  }
  let events: ServerEvent[] = [];
  const parser = createParser({
    onEvent: (event) => events.push({ name: event.event ?? "message", data: event.data }),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    while (true) {
      const { done, value } = await withinSilence(reader.read(), time);
      if (done) {
        return;
      }
      parser.feed(value);
      if (events.length > 0) {
        const arrived = events;
        events = [];
        onEvents(arrived);
      }
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    throw wasAborted(error) ? error : unreachable(error);
  }
}

async function withinSilence<T>(promise: Promise<T>, time: Timers): Promise<T> {
  let cancel = () => {};
  const silence = new Promise<never>((_, reject) => {
    cancel = time.after(SILENCE_MS, () => reject(new Error("the stream fell silent")));
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    cancel();
  }
}
