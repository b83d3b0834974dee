/// A worker's state, as a badge, and the time that it has left.

import { TriangleAlert } from "lucide";

import type { Worker } from "../api/types.ts";
import { dayAndTime, longTime, until } from "../format.ts";
import { now } from "../state/now.ts";
import { isExpiringSoon, statusOf } from "../worker/life.ts";
import { Icon } from "./icon.tsx";

const WORDS = { creating: "Creating", ready: "Ready", error: "Error", expired: "Expired" } as const;
const KINDS = { creating: "", ready: "good", error: "bad", expired: "gray" } as const;

export function StatusBadge({ worker }: { readonly worker: Worker }) {
  const status = statusOf(worker, now.value);
  return (
    <span class={`badge ${KINDS[status]}`} data-status={status}>
      <span class="dot" />
      {WORDS[status]}
    </span>
  );
}

/** When it expires or expired; a warning where that is soon. */
export function Expiry({ worker }: { readonly worker: Worker }) {
  const { snapshotExpiresAt } = worker;
  if (!snapshotExpiresAt) {
    return <span class="faint">–</span>;
  }
  const time = Date.parse(snapshotExpiresAt);
  if (statusOf(worker, now.value) === "expired") {
    return (
      <time class="faint nowrap" dateTime={snapshotExpiresAt} title={longTime(time)}>
        {dayAndTime(time)}
      </time>
    );
  }
  if (isExpiringSoon(worker, now.value)) {
    return (
      <span class="expiry-warning" data-warning="expiry">
        <span class="badge warn">
          <Icon of={TriangleAlert} />
          Expires {until(time, now.value)}
        </span>
        <time class="nowrap" dateTime={snapshotExpiresAt} title={longTime(time)}>
          {dayAndTime(time)}
        </time>
      </span>
    );
  }
  return (
    <time class="nowrap" dateTime={snapshotExpiresAt} title={longTime(time)}>
      {until(time, now.value)}
    </time>
  );
}
