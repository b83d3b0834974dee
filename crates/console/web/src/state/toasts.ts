/// Short messages about what has just happened.

import { signal } from "@preact/signals";

export interface Toast {
  readonly id: number;
  readonly kind: "good" | "bad";
  readonly text: string;
}

/** Errors stay until they are dismissed; good news goes by itself. */
const GOOD_NEWS_MS = 6_000;
const MOST = 5;

export const toasts = signal<readonly Toast[]>([]);

let count = 0;

export function say(kind: Toast["kind"], text: string): void {
  count += 1;
  const id = count;
  toasts.value = [...toasts.value, { id, kind, text }].slice(-MOST);
  if (kind === "good") {
    setTimeout(() => dismiss(id), GOOD_NEWS_MS);
  }
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}
