/// One invocation: whether it runs, its log, its outcome.

import { RotateCcw, Square, X } from "lucide";
import { useEffect, useState } from "preact/hooks";

import type { Worker } from "../../data/api/types.ts";
import type { Invocation } from "../../data/invocations/invocation.ts";
import { invocations, now } from "../../data/state.ts";
import { whyNotInvoke } from "../../data/workers/life.ts";
import { classes } from "../../lib/classes.ts";
import { count, duration } from "../../lib/format.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import * as layout from "../../ui/layout.module.css";
import * as text from "../../ui/text.module.css";
import { Announcer } from "./announcer.tsx";
import { Dot } from "./dot.tsx";
import * as styles from "./invocation-view.module.css";
import { LogPane } from "./log-pane.tsx";
import { OutcomeView } from "./outcome.tsx";

export function InvocationView({ invocation, worker }: { readonly invocation: Invocation; readonly worker: Worker }) {
  const isStreaming = invocation.isStreaming.value;
  const reason = whyNotInvoke(worker, now.time.value);
  return (
    <>
      <div class={styles.head} data-invocation={invocation.number}>
        {isStreaming ? (
          <Badge kind="good" data-streaming>
            <Dot state="running" />
            Streaming
          </Badge>
        ) : (
          <OutcomeBadge invocation={invocation} />
        )}
        <Elapsed invocation={invocation} />
        <span class={classes(text.faint, text.nowrap)}>{count(invocation.lineCount.value, "line")}</span>
        <span class={layout.spacer} />
        {isStreaming ? (
          <Button small kind="danger-line" icon={Square} onClick={() => invocation.stop()}>
            Stop
          </Button>
        ) : (
          <Button
            small
            icon={RotateCcw}
            disabled={reason !== null}
            title={reason ?? "Invoke again with the same payload"}
            onClick={() => invocations.invoke(invocation)}
          >
            Again
          </Button>
        )}
        <Button
          small
          kind="quiet"
          icon={X}
          label={isStreaming ? "Stop and close" : "Close"}
          onClick={() => invocations.close(invocation)}
        />
      </div>
      <LogPane invocation={invocation} />
      <OutcomeView invocation={invocation} />
      <Announcer invocation={invocation} />
    </>
  );
}

function OutcomeBadge({ invocation }: { readonly invocation: Invocation }) {
  switch (invocation.outcome.value?.kind) {
    case "result":
      return <Badge kind="good">Returned</Badge>;
    case "stopped":
      return <Badge>Stopped</Badge>;
    case "lost":
      return <Badge kind="warn">Connection lost</Badge>;
    case "refused":
      return <Badge kind="bad">Refused</Badge>;
    default:
      return <Badge kind="bad">Failed</Badge>;
  }
}

const TICK_MS = 100;

/** The time since the click, which goes on while it runs. */
function Elapsed({ invocation }: { readonly invocation: Invocation }) {
  const [, redraw] = useState(0);
  const isStreaming = invocation.isStreaming.value;
  useEffect(() => {
    if (isStreaming) {
      const timer = setInterval(() => redraw((ticks) => ticks + 1), TICK_MS);
      return () => clearInterval(timer);
    }
  }, [isStreaming]);
  const elapsed = isStreaming ? performance.now() - invocation.startedAt : invocation.elapsed.value;
  return (
    <span class={classes(text.faint, text.nowrap, styles.elapsed)}>
      {isStreaming ? `${(elapsed / 1000).toFixed(1)} s` : duration(elapsed)}
    </span>
  );
}
