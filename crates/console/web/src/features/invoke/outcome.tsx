/// How an invocation ended: the result, or what went wrong, and what it took.

import type { ErrorEvent, ValueWarning } from "../../data/api/types.ts";
import type { Invocation } from "../../data/invocations/invocation.ts";
import { bytes, duration } from "../../lib/format.ts";
import { formatJson } from "../../lib/json.ts";
import { Chip } from "../../ui/chip.tsx";
import { CodeFrame } from "../../ui/code-frame.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { JsonView } from "../../ui/editors/json-view.tsx";
import * as layout from "../../ui/layout.module.css";
import { ErrorNote, Note } from "../../ui/note.tsx";
import * as text from "../../ui/text.module.css";
import * as styles from "./outcome.module.css";
import { ReceiptView } from "./receipt.tsx";
import { Stack } from "./stack.tsx";

export function OutcomeView({ invocation }: { readonly invocation: Invocation }) {
  const outcome = invocation.outcome.value;
  switch (outcome?.kind) {
    case undefined:
      return null;
    case "result":
      return (
        <section class={styles.outcome} aria-label="Result" data-outcome="result">
          <div class={styles.head}>
            <h2>Result</h2>
            <span class={text.faint}>{outcome.receipt.duration !== undefined && `in ${duration(outcome.receipt.duration)}`}</span>
            <span class={text.faint}>{bytes(outcome.json.length)}</span>
            <span class={layout.spacer} />
            <CopyButton what="the result" text={() => outcome.json} />
          </div>
          <JsonView text={outcome.json} label="Result, JSON" />
          <Warnings warnings={outcome.warnings} />
          <ReceiptView receipt={outcome.receipt} />
        </section>
      );
    case "error":
      return (
        <section class={styles.outcome} aria-label="Error" data-outcome="error">
          <Failure error={outcome.error} workerId={invocation.workerId} />
          <ReceiptView receipt={outcome.receipt} />
        </section>
      );
    case "refused":
      return (
        <section class={styles.outcome} aria-label="Error" data-outcome="refused">
          <ErrorNote what={`${invocation.functionName} was not invoked`} error={outcome.error} />
        </section>
      );
    case "stopped":
      return (
        <section class={styles.outcome} aria-label="Stopped" data-outcome="stopped">
          <p class={text.muted}>You stopped it. Its sandbox is gone.</p>
        </section>
      );
    case "lost":
      return (
        <section class={styles.outcome} aria-label="Connection lost" data-outcome="lost">
          <Note kind="warn" title="The connection was lost before the outcome arrived" alert>
            <p>
              The lines up to here are complete. An invocation whose caller goes away is cancelled, so it cannot be followed any further; it
              may have run in part. Invoke it again if that does no harm.
            </p>
          </Note>
        </section>
      );
  }
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  thrown: "The function threw.",
  timeout: "The function did not return in time.",
  out_of_memory: "The function reached the memory limit.",
  process_exit: "The function left its process before it returned.",
  crashed: "The function took its process down.",
  never_settled: "The function's promise can never settle.",
  load_failed: "The module failed while it was loaded.",
  result_too_large: "The result is over the limit.",
  sandbox_failed: "The sandbox failed; the function is not at fault.",
  shutting_down: "The server is shutting down.",
};

function Warnings({ warnings = [] }: { readonly warnings?: readonly ValueWarning[] | undefined }) {
  return (
    <>
      {warnings.map(({ path, message }, index) => (
        // Two may say the same.
        <Note key={index} kind="warn">
          <code>{path}</code> {message}
        </Note>
      ))}
    </>
  );
}

function Failure({ error, workerId }: { readonly error: ErrorEvent; readonly workerId: string }) {
  const { name, stack, code, errorCode, exitCode, cause, errors, properties, value } = error;
  const details = Object.entries({ cause, errors, properties, value }).filter(([, detail]) => detail !== undefined);
  return (
    <>
      <div class={styles.head}>
        <h2 class={styles.failed}>{EXPLANATIONS[code] ?? "The invocation failed."}</h2>
        <Chip>{code}</Chip>
        {(typeof errorCode === "string" || typeof errorCode === "number") && <Chip>{errorCode}</Chip>}
        {typeof exitCode === "number" && <Chip>exit {exitCode}</Chip>}
        <span class={layout.spacer} />
        <CopyButton what="the error" text={() => stack ?? error.error} />
      </div>
      <p class={styles.message} role="alert">
        {name && !error.error.startsWith(name) && <strong>{name}: </strong>}
        {error.error}
      </p>
      {stack && <Stack stack={stack} workerId={workerId} />}
      {details.map(([title, detail]) => (
        <div key={title}>
          <h3>{title}</h3>
          <CodeFrame text={formatJson(detail)} label={title} />
        </div>
      ))}
      <Warnings warnings={error.warnings} />
    </>
  );
}
