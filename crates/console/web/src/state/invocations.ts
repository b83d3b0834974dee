/// The invocations of this window, a tab each. They go on while the reader looks at something else.

import { signal } from "@preact/signals";

import { Invocation } from "./invocation.ts";

/** Tabs of one worker; the oldest that has ended gives way. */
const KEPT = 12;

const all = signal<readonly Invocation[]>([]);
const selected = signal<ReadonlyMap<string, Invocation>>(new Map());

export function invocationsOf(workerId: string): readonly Invocation[] {
  return all.value.filter((invocation) => invocation.workerId === workerId);
}

export function selectedOf(workerId: string): Invocation | undefined {
  return selected.value.get(workerId);
}

export function select(invocation: Invocation): void {
  selected.value = new Map(selected.value).set(invocation.workerId, invocation);
}

export function invoke(workerId: string, functionName: string, payload: string): Invocation {
  const invocation = new Invocation(workerId, functionName, payload);
  const own = invocationsOf(workerId);
  const oldest = own.length >= KEPT ? own.find((other) => !other.isStreaming.value) : undefined;
  all.value = [...all.value.filter((other) => other !== oldest), invocation];
  select(invocation);
  return invocation;
}

/** Closes its tab; one that runs is stopped. */
export function close(invocation: Invocation): void {
  if (invocation.isStreaming.value) {
    invocation.stop();
  }
  const own = invocationsOf(invocation.workerId);
  const index = own.indexOf(invocation);
  all.value = all.value.filter((other) => other !== invocation);
  const next = own[index + 1] ?? own[index - 1];
  const map = new Map(selected.value);
  if (next) {
    map.set(invocation.workerId, next);
  } else {
    map.delete(invocation.workerId);
  }
  selected.value = map;
}

/** Stops and forgets what belongs to a worker that is gone. */
export function closeAll(workerId: string): void {
  for (const invocation of invocationsOf(workerId)) {
    if (invocation.isStreaming.value) {
      invocation.stop();
    }
  }
  all.value = all.value.filter((invocation) => invocation.workerId !== workerId);
  const map = new Map(selected.value);
  map.delete(workerId);
  selected.value = map;
}
