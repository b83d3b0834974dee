/// Reports to screen readers how an invocation goes: now and then how many lines there are, and how it ended. The lines
/// themselves can be read in the log, at the reader's own pace.

import { useEffect, useState } from "preact/hooks";

import type { Invocation, Outcome } from "../../data/invocations/invocation.ts";
import { count } from "../../lib/format.ts";
import * as styles from "../../ui/text.module.css";

const PAUSE_MS = 5_000;

export function Announcer({ invocation }: { readonly invocation: Invocation }) {
  const [text, setText] = useState("");
  const outcome = invocation.outcome.value;
  useEffect(() => {
    if (outcome) {
      setText(`${sentence(outcome)} ${count(invocation.log.lines.length, "log line")}.`);
      return;
    }
    let told = 0;
    const tell = () => {
      const { lines } = invocation.log;
      if (lines.length > told) {
        const last = lines.at(-1)?.text.slice(0, 200) ?? "";
        setText(`${count(lines.length - told, "new log line")}. The last: ${last}`);
        told = lines.length;
      }
    };
    const timer = setInterval(tell, PAUSE_MS);
    return () => clearInterval(timer);
  }, [invocation, outcome]);
  return (
    <p class={styles.hidden} role="status">
      {text}
    </p>
  );
}

function sentence(outcome: Outcome): string {
  switch (outcome.kind) {
    case "result":
      return "The function returned.";
    case "error":
      return `The function failed: ${outcome.error.error}`;
    case "refused":
      return `It was not invoked: ${outcome.error.message}`;
    case "stopped":
      return "The invocation was stopped.";
    case "lost":
      return "The connection was lost.";
  }
}
