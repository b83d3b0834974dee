/// All workers, kept right by the server's events.

import { computed, signal } from "@preact/signals";

import { api, request } from "../api/client.ts";
import { type ApiError, asApiError, wasAborted } from "../api/error.ts";
import { readEvents, type ServerEvent } from "../api/events.ts";
import type { Worker } from "../api/types.ts";
import { tick } from "./now.ts";
import { refused } from "./session.ts";

/** Several servers may share a database, and one tells only of its own changes: now and then the list is read again. */
const READ_AGAIN_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** What is gone stays gone: news of its last change may come after that of its end. */
const deleted = new Set<string>();

const byId = signal<ReadonlyMap<string, Worker> | null>(null);

/** Newest first; `null` until the first answer. */
export const workers = computed<readonly Worker[] | null>(() => (byId.value ? [...byId.value.values()].sort(newestFirst) : null));

/** Whether changes reach us; `lost` since the first failure after it did, or could not be made at all. */
export const connection = signal<"connecting" | "live" | "lost">("connecting");

/** Why the list could not be read. */
export const listError = signal<ApiError | null>(null);

export function findWorker(id: string): Worker | undefined {
  return byId.value?.get(id);
}

export function putWorker(worker: Worker): void {
  change((map) => map.set(worker.id, worker));
}

export function dropWorker(id: string): void {
  change((map) => map.delete(id));
}

let following: AbortController | undefined;

/** Begins to follow the server, anew if it did already. */
export function follow(): void {
  following?.abort();
  following = new AbortController();
  void keepFollowing(following.signal);
}

export function unfollow(): void {
  following?.abort();
  byId.value = null;
}

async function keepFollowing(signal: AbortSignal): Promise<void> {
  let pause = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      await followOnce(signal, () => {
        pause = FIRST_RETRY_MS;
      });
    } catch (error) {
      if (signal.aborted || wasAborted(error)) {
        return;
      }
      listError.value = asApiError(error);
    }
    if (refused.value !== null) {
      return;
    }
    connection.value = "lost";
    // Not all consoles at the same moment, when a server comes back.
    await waitOrOnline(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_RETRY_MS);
  }
}

/** Subscribes, reads the list, and then applies what changes, until the stream ends. */
async function followOnce(signal: AbortSignal, onLive: () => void): Promise<void> {
  const response = await request("api/workers/events", { signal, headers: { Accept: "text/event-stream" } });
  let early: ServerEvent[] | null = [];
  const reading = readEvents(response, (events) => {
    if (early) {
      early.push(...events);
    } else {
      apply(events, signal);
    }
  });
  // Whatever changes from here on is in the stream, so nothing falls between the two.
  reading.catch(() => undefined);
  await readList(signal);
  apply(early, signal);
  early = null;
  connection.value = "live";
  onLive();
  const timer = setInterval(() => {
    if (!document.hidden) {
      readList(signal).catch(() => undefined);
    }
  }, READ_AGAIN_MS);
  try {
    await reading;
  } finally {
    clearInterval(timer);
  }
}

async function readList(signal: AbortSignal): Promise<void> {
  const list = await api.list(signal);
  byId.value = new Map(list.map((worker) => [worker.id, worker]));
  listError.value = null;
  tick();
}

function apply(events: readonly ServerEvent[], signal: AbortSignal): void {
  change((map) => {
    for (const event of events) {
      const data = JSON.parse(event.data) as Worker & { readonly id: string };
      if (event.name === "worker") {
        if (!deleted.has(data.id)) {
          map.set(data.id, data);
        }
      } else if (event.name === "deleted") {
        deleted.add(data.id);
        map.delete(data.id);
      } else if (event.name === "invoked") {
        const worker = map.get(data.id);
        if (worker) {
          map.set(data.id, { ...worker, lastInvokedAt: data.lastInvokedAt });
        }
      } else if (event.name === "reset") {
        readList(signal).catch(() => undefined);
      }
    }
  });
}

function change(edit: (map: Map<string, Worker>) => void): void {
  const map = new Map(byId.value);
  edit(map);
  byId.value = map;
  tick();
}

function newestFirst(one: Worker, other: Worker): number {
  return compare(other.createdAt, one.createdAt) || compare(other.id, one.id);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function waitOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
