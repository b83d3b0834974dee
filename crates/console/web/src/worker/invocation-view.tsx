/// One invocation: whether it runs, its log, its outcome.

import { RotateCcw, Square, X } from "lucide";
import { useEffect, useState } from "preact/hooks";

import type { Worker } from "../api/types.ts";
import { Button } from "../components/button.tsx";
import { count, duration } from "../format.ts";
import type { Invocation } from "../state/invocation.ts";
import { close, invoke } from "../state/invocations.ts";
import { now } from "../state/now.ts";
import { Announcer } from "./announcer.tsx";
import { whyNotInvoke } from "./life.ts";
import { LogPane } from "./log-pane.tsx";
import { OutcomeView } from "./outcome.tsx";

export function InvocationView({ invocation, worker }: { readonly invocation: Invocation; readonly worker: Worker }) {
  const isStreaming = invocation.isStreaming.value;
  const reason = whyNotInvoke(worker, now.value);
  return (
    <>
      <div class="invocation-head">
        {isStreaming ? (
          <span class="badge good streaming" data-streaming>
            <span class="pulse" />
            Streaming
          </span>
        ) : (
          <OutcomeBadge invocation={invocation} />
        )}
        <Elapsed invocation={invocation} />
        <span class="faint nowrap">{count(invocation.lineCount.value, "line")}</span>
        <span class="spacer" />
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
            onClick={() => invoke(invocation.workerId, invocation.functionName, invocation.payload)}
          >
            Again
          </Button>
        )}
        <Button small kind="quiet" icon={X} label={isStreaming ? "Stop and close" : "Close"} onClick={() => close(invocation)} />
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
      return <span class="badge good">Returned</span>;
    case "stopped":
      return <span class="badge">Stopped</span>;
    case "lost":
      return <span class="badge warn">Connection lost</span>;
    case "refused":
      return <span class="badge bad">Refused</span>;
    default:
      return <span class="badge bad">Failed</span>;
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
  return <span class="faint nowrap elapsed">{isStreaming ? `${(elapsed / 1000).toFixed(1)} s` : duration(elapsed)}</span>;
}
