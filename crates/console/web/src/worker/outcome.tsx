/// How an invocation ended: the result, or what went wrong, and what it took.

import type { ErrorEvent, ValueWarning } from "../api/types.ts";
import { CopyButton } from "../components/copy.tsx";
import { ErrorNote, Note } from "../components/notes.tsx";
import { JsonView } from "../editor/component.tsx";
import { bytes, duration } from "../format.ts";
import { formatJson } from "../json.ts";
import type { Invocation } from "../state/invocation.ts";
import { ReceiptView } from "./receipt.tsx";
import { Stack } from "./stack.tsx";

export function OutcomeView({ invocation }: { readonly invocation: Invocation }) {
  const outcome = invocation.outcome.value;
  switch (outcome?.kind) {
    case undefined:
      return null;
    case "result":
      return (
        <section class="outcome" aria-label="Result" data-outcome="result">
          <div class="outcome-head">
            <h2>Result</h2>
            <span class="faint">{outcome.receipt.duration !== undefined && `in ${duration(outcome.receipt.duration)}`}</span>
            <span class="faint">{bytes(outcome.json.length)}</span>
            <span class="spacer" />
            <CopyButton what="the result" text={() => outcome.json} />
          </div>
          <JsonView text={outcome.json} label="Result, JSON" />
          <Warnings warnings={outcome.warnings} />
          <ReceiptView receipt={outcome.receipt} />
        </section>
      );
    case "error":
      return (
        <section class="outcome" aria-label="Error" data-outcome="error">
          <Failure error={outcome.error} workerId={invocation.workerId} />
          <ReceiptView receipt={outcome.receipt} />
        </section>
      );
    case "refused":
      return (
        <section class="outcome" aria-label="Error" data-outcome="refused">
          <ErrorNote what={`${invocation.functionName} was not invoked`} error={outcome.error} />
        </section>
      );
    case "stopped":
      return (
        <section class="outcome" aria-label="Stopped" data-outcome="stopped">
          <p class="muted">You stopped it. Its sandbox is gone.</p>
        </section>
      );
    case "lost":
      return (
        <section class="outcome" aria-label="Connection lost" data-outcome="lost">
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
      <div class="outcome-head">
        <h2 class="failed">{EXPLANATIONS[code] ?? "The invocation failed."}</h2>
        <span class="chip">{code}</span>
        {errorCode !== undefined && <span class="chip">{errorCode}</span>}
        {exitCode !== undefined && <span class="chip">exit {exitCode}</span>}
        <span class="spacer" />
        <CopyButton what="the error" text={() => stack ?? error.error} />
      </div>
      <p class="failure-message" role="alert">
        {name && !error.error.startsWith(name) && <strong>{name}: </strong>}
        {error.error}
      </p>
      {stack && <Stack stack={stack} workerId={workerId} />}
      {details.map(([title, detail]) => (
        <div key={title} class="stack-of-details">
          <h3>{title}</h3>
          <pre class="code-frame" tabindex={0} role="region" aria-label={title}>
            {formatJson(detail)}
          </pre>
        </div>
      ))}
      <Warnings warnings={error.warnings} />
    </>
  );
}
