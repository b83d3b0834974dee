/// The kept source of a worker.

import { Pencil } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";

import { api } from "../api/client.ts";
import { type ApiError, asApiError } from "../api/error.ts";
import type { Worker } from "../api/types.ts";
import { LinkButton } from "../components/button.tsx";
import { CopyButton } from "../components/copy.tsx";
import { Curl } from "../components/curl.tsx";
import { ErrorNote } from "../components/notes.tsx";
import { commands } from "../curl.ts";
import type { CodeEditor } from "../editor/code.ts";
import { EditorHost } from "../editor/component.tsx";
import { paths } from "../router.ts";

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
    <div class="stack source-panel">
      <div class="row">
        <LinkButton small icon={Pencil} href={paths.deploy(worker.id)}>
          Edit a copy
        </LinkButton>
        {source !== null && <CopyButton what="the source" text={() => source} />}
      </div>
      {error && <ErrorNote what="The source could not be read" error={error} />}
      <div class="card code-card">
        {source === null ? (
          <div class="editor code-editor" />
        ) : (
          <EditorHost
            class="code-editor"
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
