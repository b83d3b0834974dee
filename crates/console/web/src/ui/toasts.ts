/// Short messages about what has just happened.

import { signal } from "@preact/signals";

import { type Timers, timers } from "../lib/timers.ts";

export interface Toast {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
}

/** Errors stay until they are dismissed; good news goes by itself. */
const GOOD_NEWS_MS = 6_000;
const MOST = 5;

export class Toasts {
  readonly shown = signal<readonly Toast[]>([]);
  readonly #timers: Timers;
  #count = 0;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  show(kind: Toast["kind"], text: string): void {
    this.#count += 1;
    const id = this.#count;
    this.shown.value = [...this.shown.value, { id, kind, text }].slice(-MOST);
    if (kind === "good") {
      this.#timers.after(GOOD_NEWS_MS, () => this.dismiss(id));
    }
  }

  dismiss(id: number): void {
    this.shown.value = this.shown.value.filter((toast) => toast.id !== id);
  }
}

/** Those of the window. */
export const toasts = new Toasts(timers);

export function showToast(kind: Toast["kind"], text: string): void {
  toasts.show(kind, text);
}
