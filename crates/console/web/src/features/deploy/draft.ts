/// What is being written on the deploy page. It survives a look at another page.

import { batch, computed, signal } from "@preact/signals";

import type { Api } from "../../data/api/client.ts";
import { type ApiError, asApiError } from "../../data/api/error.ts";
import type { Deploy, Diagnostic, Worker } from "../../data/api/types.ts";
import type { Payloads } from "../../data/browser/payloads.ts";
import type { Store } from "../../data/browser/store.ts";
import type { Workers } from "../../data/workers/workers.ts";
import type { Example } from "./examples.ts";

const KEY = "draft";

interface Written {
  readonly name: string;
  readonly code: string;
  readonly experimentalDecorators: boolean;
}

export interface DraftOptions {
  readonly api: Pick<Api, "deploy" | "source">;
  readonly workers: Workers;
  readonly payloads: Payloads;
  readonly sessionStore: Store;
  /** The first is what a new draft begins with. */
  readonly examples: readonly Example[];
}

export class DeployDraft {
  readonly #options: DraftOptions;
  readonly #written = signal<Written>({ name: "", code: "", experimentalDecorators: false });

  readonly name = computed(() => this.#written.value.name);
  readonly code = computed(() => this.#written.value.code);
  readonly experimentalDecorators = computed(() => this.#written.value.experimentalDecorators);
  /** The example whose code it is. */
  readonly example = computed(() => this.#options.examples.find((example) => example.code === this.code.value));
  /** What is sent. */
  readonly request = computed<Deploy>(() => {
    const { name, code, experimentalDecorators } = this.#written.value;
    return { name, code, ...(experimentalDecorators && { compilerOptions: { experimentalDecorators } }) };
  });

  /** The functions that the code exports, as far as the editor can see. */
  readonly exports = signal<readonly string[]>([]);
  readonly isBusy = signal(false);
  readonly error = signal<ApiError | null>(null);
  /** The mistakes that the server found in the code. */
  readonly diagnostics = computed<readonly Diagnostic[]>(() => this.error.value?.diagnostics ?? []);

  constructor(options: DraftOptions) {
    this.#options = options;
    const [first] = options.examples;
    this.#written.value = kept(options.sessionStore) ?? { name: first?.name ?? "", code: first?.code ?? "", experimentalDecorators: false };
  }

  /** Changes what is written, and keeps it. */
  change(change: Partial<Written>): void {
    this.#written.value = { ...this.#written.value, ...change };
    this.#options.sessionStore.set(KEY, JSON.stringify(this.#written.value));
  }

  /** Begins anew with other code. */
  replaceWith({ name, code }: Pick<Written, "name" | "code">): void {
    batch(() => {
      this.error.value = null;
      this.change({ name, code, experimentalDecorators: false });
    });
  }

  /** Begins anew with the code of a worker. */
  async copy(workerId: string): Promise<void> {
    const { api, workers } = this.#options;
    try {
      const code = await api.source(workerId);
      this.replaceWith({ name: workers.find(workerId)?.name ?? "", code });
    } catch (cause) {
      this.error.value = asApiError(cause);
    }
  }

  /** Deploys it. Returns the new worker; `null` if there is none, because of `error` or because a deploy is running. */
  async deploy(): Promise<Worker | null> {
    if (this.isBusy.value) {
      return null;
    }
    const { api, workers, payloads, sessionStore } = this.#options;
    this.isBusy.value = true;
    this.error.value = null;
    try {
      const worker = await api.deploy(this.request.value);
      workers.put(worker);
      sessionStore.remove(KEY);
      const [firstFunction] = worker.functions;
      if (this.example.value && firstFunction) {
        payloads.remember(worker.id, firstFunction, this.example.value.payload);
      }
      return worker;
    } catch (cause) {
      this.error.value = asApiError(cause);
      this.isBusy.value = false;
      return null;
    }
  }
}

function kept(store: Store): Written | null {
  try {
    const draft = JSON.parse(store.get(KEY) ?? "null") as Written | null;
    if (draft && typeof draft.name === "string" && typeof draft.code === "string") {
      return { name: draft.name, code: draft.code, experimentalDecorators: draft.experimentalDecorators === true };
    }
  } catch {
    // It is no draft of ours.
  }
  return null;
}
