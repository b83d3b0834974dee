/// The kept source of a worker.

import { Pencil } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";

import { type ApiError, asApiError } from "../../data/api/error.ts";
import type { Worker } from "../../data/api/types.ts";
import { paths } from "../../data/browser/route.ts";
import { api } from "../../data/state.ts";
import { classes } from "../../lib/classes.ts";
import { LinkButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import type { CodeEditor } from "../../ui/editor/code.ts";
import { EditorHost, EditorPlace } from "../../ui/editors/editor-host.tsx";
import * as layout from "../../ui/layout.module.css";
import { ErrorNote } from "../../ui/note.tsx";
import { commands } from "../curl/commands.ts";
import { Curl } from "../curl/curl.tsx";
import * as styles from "./source-panel.module.css";

interface Props {
  readonly worker: Worker;
  /** What to point at, counted from 1. */
  readonly line: number | null;
  readonly column: number | null;
}

export function SourcePanel({ worker, line, column }: Props) {
  const [source, setSource] = useState<string | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const editor = useRef<CodeEditor | null>(null);
  useEffect(() => {
    api.source(worker.id).then(setSource, (cause) => setError(asApiError(cause)));
  }, [worker.id]);
  useEffect(() => {
    if (line) {
      editor.current?.show(line, column);
    }
  }, [line, column]);
  return (
    <div class={layout.stack}>
      <div class={layout.row}>
        <LinkButton small icon={Pencil} href={paths.deploy(worker.id)}>
          Edit a copy
        </LinkButton>
        {source !== null && <CopyButton what="the source" text={() => source} />}
      </div>
      {error && <ErrorNote what="The source could not be read" error={error} />}
      <div class={classes(layout.card, layout.clipped)}>
        {source === null ? (
          <EditorPlace class={styles.editor} />
        ) : (
          <EditorHost
            name="code"
            class={styles.editor}
            create={({ createSourceEditor }, parent) => {
              editor.current = createSourceEditor({ parent, text: source, label: "Source of the worker", readOnly: true });
              if (line) {
                const { current } = editor;
                requestAnimationFrame(() => current.show(line, column));
              }
              return editor.current;
            }}
          />
        )}
      </div>
      <Curl what="Read the source" command={() => commands.source(worker.id)} />
    </div>
  );
}
