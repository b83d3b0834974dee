/// A worker's state, as a badge, and the time that it has left.

import { TriangleAlert } from "lucide";

import type { Worker } from "../../data/api/types.ts";
import { now } from "../../data/state.ts";
import { isExpiringSoon, statusOf } from "../../data/workers/life.ts";
import { classes } from "../../lib/classes.ts";
import { dayAndTime, longTime, until } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Icon } from "../../ui/icon.tsx";
import * as text from "../../ui/text.module.css";
import * as styles from "./status.module.css";

const WORDS = { creating: "Creating", ready: "Ready", error: "Error", expired: "Expired" } as const;
const KINDS = { creating: undefined, ready: "good", error: "bad", expired: undefined } as const;

export function StatusBadge({ worker }: { readonly worker: Worker }) {
  const status = statusOf(worker, now.time.value);
  return (
    <Badge kind={KINDS[status]} dot data-status={status}>
      {WORDS[status]}
    </Badge>
  );
}

/** When it expires or expired; a warning where that is soon. */
export function Expiry({ worker }: { readonly worker: Worker }) {
  const { snapshotExpiresAt } = worker;
  if (!snapshotExpiresAt) {
    return <span class={text.faint}>–</span>;
  }
  const time = Date.parse(snapshotExpiresAt);
  if (statusOf(worker, now.time.value) === "expired") {
    return (
      <time class={classes(text.faint, text.nowrap)} dateTime={snapshotExpiresAt} title={longTime(time)}>
        {dayAndTime(time)}
      </time>
    );
  }
  if (isExpiringSoon(worker, now.time.value)) {
    return (
      <span class={styles.warning} data-warning="expiry">
        <Badge kind="warn">
          <Icon of={TriangleAlert} />
          Expires {until(time, now.time.value)}
        </Badge>
        <time class={text.nowrap} dateTime={snapshotExpiresAt} title={longTime(time)}>
          {dayAndTime(time)}
        </time>
      </span>
    );
  }
  return (
    <time class={text.nowrap} dateTime={snapshotExpiresAt} title={longTime(time)}>
      {until(time, now.time.value)}
    </time>
  );
}
