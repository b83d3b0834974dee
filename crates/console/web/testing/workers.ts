import type { Worker } from "../src/data/api/types.ts";

export const DAY = 86_400_000;
/** When the workers of the tests were deployed. */
export const DEPLOYED = Date.parse("2025-11-23T09:00:00Z");

export function worker(id: string, changes: Partial<Worker> = {}): Worker {
  return {
    id,
    name: `worker ${id}`,
    functions: ["greet"],
    status: "ready",
    createdAt: new Date(DEPLOYED).toISOString(),
    snapshotId: "snapshot",
    snapshotExpiresAt: new Date(DEPLOYED + 7 * DAY).toISOString(),
    lastInvokedAt: null,
    errorMessage: null,
    expiresInDays: 7,
    ...changes,
  };
}
