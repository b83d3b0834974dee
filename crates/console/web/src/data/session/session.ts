/// The admin token, where the server wants one.

import { type Signal, signal } from "@preact/signals";

import type { Payloads } from "../browser/payloads.ts";
import type { Store } from "../browser/store.ts";

const KEY = "token";

export interface SessionOptions {
  readonly localStore: Store;
  readonly sessionStore: Store;
  readonly payloads: Payloads;
}

export class Session {
  /** The token in use; empty if there is none. */
  readonly token: Signal<string>;
  /** Set while the server wants a token: its sentence about the last one, empty if there was none. */
  readonly refused = signal<string | null>(null);
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.token = signal(options.sessionStore.get(KEY) ?? options.localStore.get(KEY) ?? "");
  }

  /** Uses this token for as long as the tab is open, or on this device until the user signs out. */
  signIn(secret: string, remember: boolean): void {
    const { localStore, sessionStore } = this.#options;
    (remember ? localStore : sessionStore).set(KEY, secret);
    this.token.value = secret;
    this.refused.value = null;
  }

  /** Forgets the token, and the payloads that were sent with it. */
  signOut(): void {
    this.#options.payloads.forget();
    this.#forget("");
  }

  /** The server did not take the token. */
  refuse(reason: string): void {
    // Without a token there is nothing to complain about yet.
    this.#forget(this.token.value ? reason : "");
  }

  #forget(reason: string): void {
    this.#options.sessionStore.remove(KEY);
    this.#options.localStore.remove(KEY);
    this.token.value = "";
    this.refused.value = reason;
  }
}
