/// The list of workers: what was read, and what has changed since.

import { computed, signal } from "@preact/signals";

import type { ApiError } from "../api/error.ts";
import type { Worker, WorkerEvent } from "../api/types.ts";

type Edit = (map: Map<string, Worker>) => void;

/** Ids of deleted workers that are remembered, the last ones. News of a worker comes late by seconds at most. */
const DELETED_KEPT = 1_000;

export class Workers {
  readonly #onChange: () => void;
  readonly #byId = signal<ReadonlyMap<string, Worker> | null>(null);
  /** What is gone stays gone: news of its last change may come after that of its end. */
  readonly #deleted = new Set<string>();
  /** What has changed since the reading of the list began: a page may be older than that. */
  #since: Edit[] | null = null;

  /** Newest first, as far as they have been read; `null` until the first answer. */
  readonly all = computed<readonly Worker[] | null>(() => (this.#byId.value ? [...this.#byId.value.values()].sort(newestFirst) : null));

  /** Whether all of the list has been read: it comes in pages, and each is shown when it is there. */
  readonly isComplete = signal(false);

  /** Why the list could not be read. */
  readonly error = signal<ApiError | null>(null);

  constructor(onChange: () => void = () => {}) {
    this.#onChange = onChange;
  }

  find(id: string): Worker | undefined {
    return this.#byId.value?.get(id);
  }

  put(worker: Worker): void {
    this.#change((map) => map.set(worker.id, worker));
  }

  drop(id: string): void {
    this.#noteDeleted(id);
    this.#change((map) => map.delete(id));
  }

  /** Forgets the list, as after a sign-out. */
  clear(): void {
    this.#byId.value = null;
    this.isComplete.value = false;
  }

  apply(events: readonly WorkerEvent[]): void {
    const edit: Edit = (map) => {
      for (const event of events) {
        this.#applyTo(map, event);
      }
    };
    // Without a list there is nothing to show: one worker alone would look like all there are.
    if (this.#byId.value) {
      this.#change(edit);
    } else {
      this.#note(edit);
    }
  }

  /** Reads the list. Gives up as soon as `isStale`, since another reading follows. */
  async read(pages: AsyncIterable<readonly Worker[]>, isStale: () => boolean): Promise<void> {
    const edits: Edit[] = [];
    const list = new Map<string, Worker>();
    this.#since = edits;
    try {
      for await (const page of pages) {
        if (isStale()) {
          return;
        }
        for (const worker of page) {
          list.set(worker.id, worker);
        }
        // Later the old list is shown until there is a new one: nothing must go away and come back.
        if (!this.isComplete.value && list.size >= (this.#byId.value?.size ?? 0)) {
          this.#show(list, edits);
        }
      }
      this.#show(list, edits);
      this.isComplete.value = true;
    } finally {
      if (this.#since === edits) {
        this.#since = null;
      }
    }
  }

  #show(list: ReadonlyMap<string, Worker>, edits: readonly Edit[]): void {
    const map = new Map(list);
    for (const edit of edits) {
      edit(map);
    }
    this.#byId.value = map;
    this.error.value = null;
    this.#onChange();
  }

  #change(edit: Edit): void {
    this.#note(edit);
    const map = new Map(this.#byId.value);
    edit(map);
    this.#byId.value = map;
    this.#onChange();
  }

  /** Sees that a list which is being read does not undo it. */
  #note(edit: Edit): void {
    this.#since?.push(edit);
  }

  #applyTo(map: Map<string, Worker>, { name, data }: WorkerEvent): void {
    if (name === "worker") {
      if (!this.#deleted.has(data.id)) {
        map.set(data.id, data);
      }
    } else if (name === "deleted") {
      this.#noteDeleted(data.id);
      map.delete(data.id);
    } else {
      const worker = map.get(data.id);
      if (worker) {
        map.set(data.id, { ...worker, lastInvokedAt: data.lastInvokedAt });
      }
    }
  }

  #noteDeleted(id: string): void {
    this.#deleted.add(id);
    if (this.#deleted.size > DELETED_KEPT) {
      const [oldest] = this.#deleted;
      this.#deleted.delete(oldest as string);
    }
  }
}

function newestFirst(one: Worker, other: Worker): number {
  return compare(other.createdAt, one.createdAt) || compare(other.id, one.id);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
