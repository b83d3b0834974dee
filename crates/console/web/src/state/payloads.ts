/// The last payloads of every function, newest first.

import { signal } from "@preact/signals";

import { device } from "./storage.ts";

const KEPT = 12;
/** Longer ones are not remembered: the browser keeps about 5 MiB for all of us. */
const LONGEST = 64 * 1024;

/** Counts the changes, for those who show them. */
const changes = signal(0);

export function payloadsOf(workerId: string, name: string): readonly string[] {
  void changes.value;
  try {
    const kept: unknown = JSON.parse(device.get(key(workerId, name)) ?? "[]");
    return Array.isArray(kept) ? kept.filter((payload) => typeof payload === "string") : [];
  } catch {
    return [];
  }
}

export function rememberPayload(workerId: string, name: string, payload: string): void {
  if (payload.length > LONGEST) {
    return;
  }
  const others = payloadsOf(workerId, name).filter((other) => other !== payload);
  device.set(key(workerId, name), JSON.stringify([payload, ...others].slice(0, KEPT)));
  changes.value = changes.peek() + 1;
}

export function forgetPayloads(workerId?: string): void {
  device.removeAll(workerId ? `payloads.${workerId}.` : "payloads.");
  changes.value = changes.peek() + 1;
}

const key = (workerId: string, name: string) => `payloads.${workerId}.${name}`;
