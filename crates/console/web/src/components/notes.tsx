/// Notes in the page: errors with the API's own sentence, warnings.

import { CircleAlert, TriangleAlert } from "lucide";
import type { ComponentChildren } from "preact";

import type { ApiError } from "../api/error.ts";
import { Icon } from "./icon.tsx";

interface NoteProps {
  readonly kind: "bad" | "warn";
  readonly title?: string;
  readonly children?: ComponentChildren;
  /** Whether it appears as the answer to something, and is to be read out. */
  readonly alert?: boolean;
}

export function Note({ kind, title, children, alert = false }: NoteProps) {
  return (
    <div class={`note ${kind}`} role={alert ? "alert" : undefined}>
      <Icon of={kind === "bad" ? CircleAlert : TriangleAlert} />
      <div>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

interface ErrorNoteProps {
  /** What did not work, as `The worker was not deployed`. */
  readonly what: string;
  readonly error: ApiError;
  readonly children?: ComponentChildren;
}

export function ErrorNote({ what, error, children }: ErrorNoteProps) {
  const { diagnostics } = error;
  return (
    <Note kind="bad" title={what} alert>
      <p>{error.message}</p>
      {diagnostics.map(
        ({ codeFrame, help, line, column, message }) =>
          codeFrame && (
            <div key={`${line}:${column}`}>
              {diagnostics.length > 1 && <p>{`Line ${line}: ${message}`}</p>}
              <pre class="code-frame" tabindex={0} role="region" aria-label={`Code around line ${line}`}>
                {codeFrame}
              </pre>
              {help && <p class="hint">{help}</p>}
            </div>
          ),
      )}
      {children}
      <p class="id">
        <code>{error.code}</code>
        {error.requestId && <> · request {error.requestId}</>}
      </p>
    </Note>
  );
}
