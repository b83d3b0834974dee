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

/** What the server tells within this time is shown together: with many workers it costs milliseconds to show anything. */
const SHOW_MS = 100;

type Edit = (map: Map<string, Worker>) => void;

/** What is gone stays gone: news of its last change may come after that of its end. */
const deleted = new Set<string>();

const byId = signal<ReadonlyMap<string, Worker> | null>(null);

/** What has changed since the reading of the list began: a page may be older than that. */
let since: Edit[] | null = null;

/** Newest first, as far as they have been read; `null` until the first answer. */
export const workers = computed<readonly Worker[] | null>(() => (byId.value ? [...byId.value.values()].sort(newestFirst) : null));

/** Whether all of the list has been read: it comes in pages, and each is shown when it is there. */
export const isComplete = signal(false);

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
  deleted.add(id);
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
  isComplete.value = false;
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

/** Subscribes, reads the list, and applies what changes, until the stream ends. */
async function followOnce(following: AbortSignal, onLive: () => void): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([following, ended.signal]);
  const list = listReader(signal);
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    const response = await request("api/workers/events", { signal, headers: { Accept: "text/event-stream" } });
    const show = gather(signal, (events) => apply(events, list.again));
    // Whatever changes from here on is in the stream, so nothing falls between it and the list.
    const reading = readEvents(response, show);
    reading.catch(() => undefined);
    await list.read();
    connection.value = "live";
    onLive();
    timer = setInterval(() => {
      if (!document.hidden) {
        list.again();
      }
    }, READ_AGAIN_MS);
    await reading;
  } finally {
    clearInterval(timer);
    ended.abort();
  }
}

/** Hands on what comes within a moment as one. */
function gather(signal: AbortSignal, onEvents: (events: readonly ServerEvent[]) => void): (events: readonly ServerEvent[]) => void {
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
      setTimeout(handOn, SHOW_MS);
    }
    gathered.push(...events);
  };
}

/** Reads the list, once at a time. Who asks for it again meanwhile makes it begin anew. */
function listReader(signal: AbortSignal): { read: () => Promise<void>; again: () => void } {
  let isReading = false;
  let isStale = false;
  const read = async () => {
    isReading = true;
    try {
      do {
        isStale = false;
        await readList(signal, () => isStale);
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

async function readList(signal: AbortSignal, isStale: () => boolean): Promise<void> {
  const edits: Edit[] = [];
  const list = new Map<string, Worker>();
  since = edits;
  const show = () => {
    const map = new Map(list);
    for (const edit of edits) {
      edit(map);
    }
    byId.value = map;
    listError.value = null;
    tick();
  };
  try {
    for await (const page of api.list(signal)) {
      if (isStale()) {
        return;
      }
      for (const worker of page) {
        list.set(worker.id, worker);
      }
      // Later the old list is shown until there is a new one: nothing must go away and come back.
      if (!isComplete.value && list.size >= (byId.value?.size ?? 0)) {
        show();
      }
    }
    show();
    isComplete.value = true;
  } finally {
    if (since === edits) {
      since = null;
    }
  }
}

function apply(events: readonly ServerEvent[], readAgain: () => void): void {
  // Without a list there is nothing to show: one worker alone would look like all there are.
  const show = byId.value ? change : note;
  show((map) => {
    for (const event of events) {
      applyTo(map, event);
    }
  });
  if (events.some((event) => event.name === "reset")) {
    readAgain();
  }
}

function applyTo(map: Map<string, Worker>, event: ServerEvent): void {
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
  }
}

function change(edit: Edit): void {
  note(edit);
  const map = new Map(byId.value);
  edit(map);
  byId.value = map;
  tick();
}

/** Sees that a list which is being read does not undo it. */
function note(edit: Edit): void {
  since?.push(edit);
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
