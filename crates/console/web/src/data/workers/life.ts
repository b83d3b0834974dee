/// A worker's state as time goes by: between two answers of the server it may expire, or come near it.

import { dayAndTime, daysLeft } from "../../lib/format.ts";
import type { Worker, WorkerStatus } from "../api/types.ts";

/** A worker with this many days left, or fewer, carries a warning. */
const WARN_DAYS = 2;

export function statusOf(worker: Worker, now: number): WorkerStatus {
  const { status, snapshotExpiresAt } = worker;
  return status === "ready" && snapshotExpiresAt && Date.parse(snapshotExpiresAt) <= now ? "expired" : status;
}

export function isExpiringSoon(worker: Worker, now: number): boolean {
  const { snapshotExpiresAt } = worker;
  return statusOf(worker, now) === "ready" && Boolean(snapshotExpiresAt) && daysLeft(Date.parse(snapshotExpiresAt ?? ""), now) <= WARN_DAYS;
}

/** Why it cannot be invoked; `null` if it can. */
export function whyNotInvoke(worker: Worker, now: number): string | null {
  switch (statusOf(worker, now)) {
    case "ready":
      return null;
    case "creating":
      return "The worker is being created.";
    case "error":
      return worker.errorMessage ?? "The worker could not be created.";
    case "expired": {
      const when = worker.snapshotExpiresAt ? ` on ${dayAndTime(Date.parse(worker.snapshotExpiresAt))}` : "";
      return `The worker expired${when}. Redeploy it to invoke it again.`;
    }
  }
}
