/// Notes in the page: errors with the API's own sentence, warnings.

import { CircleAlert, TriangleAlert } from "lucide";
import type { ComponentChildren } from "preact";

import { CodeFrame } from "./code-frame.tsx";
import { Icon } from "./icon.tsx";
import * as styles from "./note.module.css";
import * as text from "./text.module.css";

interface NoteProps {
  readonly kind: "bad" | "warn";
  readonly title?: string;
  readonly children?: ComponentChildren;
  /** Whether it appears as the answer to something, and is to be read out. */
  readonly alert?: boolean;
}

export function Note({ kind, title, children, alert = false }: NoteProps) {
  return (
    <div class={styles.note} data-kind={kind} role={alert ? "alert" : undefined}>
      <Icon of={kind === "bad" ? CircleAlert : TriangleAlert} />
      <div>
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

/** What went wrong, as the API says it. */
interface Failure {
  readonly message: string;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly diagnostics: readonly {
    readonly message: string;
    readonly line: number;
    readonly column: number;
    readonly codeFrame: string | null;
    readonly help: string | null;
  }[];
}

interface ErrorNoteProps {
  /** What did not work, as `The worker was not deployed`. */
  readonly what: string;
  readonly error: Failure;
}

export function ErrorNote({ what, error }: ErrorNoteProps) {
  const { diagnostics } = error;
  return (
    <Note kind="bad" title={what} alert>
      <p>{error.message}</p>
      {diagnostics.map(
        ({ codeFrame, help, line, column, message }) =>
          codeFrame && (
            <div key={`${line}:${column}`}>
              {diagnostics.length > 1 && <p>{`Line ${line}: ${message}`}</p>}
              <CodeFrame text={codeFrame} label={`Code around line ${line}`} />
              {help && <p class={text.hint}>{help}</p>}
            </div>
          ),
      )}
      <p class={styles.id}>
        <code>{error.code}</code>
        {error.requestId && <> · request {error.requestId}</>}
      </p>
    </Note>
  );
}
