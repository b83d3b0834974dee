/// Deploy: a name, and code in an editor.

import { Rocket } from "lucide";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { api, type Deploy } from "../api/client.ts";
import { type ApiError, asApiError } from "../api/error.ts";
import { Button } from "../components/button.tsx";
import { Curl } from "../components/curl.tsx";
import { ErrorNote } from "../components/notes.tsx";
import { commands } from "../curl.ts";
import type { CodeEditor } from "../editor/code.ts";
import { EditorHost } from "../editor/component.tsx";
import { navigate, paths } from "../router.ts";
import { rememberPayload } from "../state/payloads.ts";
import { tab } from "../state/storage.ts";
import { findWorker, putWorker } from "../state/workers.ts";
import { examples } from "./examples.ts";
import { PageHead } from "./page.tsx";

/** What is being written survives a look at another page. */
const DRAFT = "draft";

export function DeployPage({ from }: { readonly from: string | null }) {
  const [first] = useState(firstDraft);
  const [name, setName] = useState(first.name);
  const [experimentalDecorators, setExperimentalDecorators] = useState(first.experimentalDecorators ?? false);
  const [names, setNames] = useState<readonly string[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const code = useRef(first.code);
  const editor = useRef<CodeEditor | null>(null);
  const ids = { name: useId(), example: useId(), hint: useId() };

  const draft = { name, experimentalDecorators };
  // The editor is made once and calls back with what it was made with.
  const current = useRef(draft);
  current.current = draft;
  const save = (change: Partial<Deploy>) => tab.set(DRAFT, JSON.stringify({ ...current.current, code: code.current, ...change }));

  const replaceWith = (other: Pick<Deploy, "name" | "code">) => {
    setName(other.name);
    setExperimentalDecorators(false);
    setError(null);
    code.current = other.code;
    editor.current?.setText(other.code);
    editor.current?.mark([]);
    save({ name: other.name, experimentalDecorators: false });
  };

  useEffect(() => {
    if (from) {
      api.source(from).then(
        (source) => replaceWith({ name: findWorker(from)?.name ?? "", code: source }),
        (cause) => setError(asApiError(cause)),
      );
    }
  }, [from]);

  const deploy = async () => {
    if (busy) {
      return;
    }
    setBusy(true);
    setError(null);
    editor.current?.mark([]);
    try {
      const worker = await api.deploy({ ...draft, code: code.current });
      putWorker(worker);
      tab.remove(DRAFT);
      const example = examples.find((candidate) => candidate.code === code.current);
      const [firstFunction] = worker.functions;
      if (example && firstFunction) {
        rememberPayload(worker.id, firstFunction, example.payload);
      }
      navigate(paths.worker(worker.id));
    } catch (cause) {
      const failure = asApiError(cause);
      setError(failure);
      setBusy(false);
      editor.current?.mark(failure.diagnostics);
    }
  };
  const latest = useRef(deploy);
  latest.current = deploy;

  return (
    <>
      <PageHead title="Deploy a worker" />
      <form
        class="deploy"
        onSubmit={(event) => {
          event.preventDefault();
          void deploy();
        }}
      >
        <div class="deploy-fields">
          <div class="field">
            <label for={ids.name}>Name</label>
            <input
              id={ids.name}
              class="input"
              value={name}
              maxLength={255}
              autocomplete="off"
              spellcheck={false}
              aria-invalid={error?.details["field"] === "name"}
              onInput={(event) => {
                setName(event.currentTarget.value);
                save({ name: event.currentTarget.value });
              }}
            />
          </div>
          <div class="field">
            <label for={ids.example}>Start from an example</label>
            <select
              id={ids.example}
              class="input"
              value={examples.find((example) => example.code === code.current)?.key ?? ""}
              onChange={(event) => {
                const example = examples.find((candidate) => candidate.key === event.currentTarget.value);
                if (example) {
                  replaceWith(example);
                }
              }}
            >
              <option value="">Your own code</option>
              {examples.map((example) => (
                <option key={example.key} value={example.key}>
                  {example.title}
                </option>
              ))}
            </select>
          </div>
        </div>
        <div class="card code-card">
          <EditorHost
            class="code-editor"
            create={({ createSourceEditor }, parent) => {
              editor.current = createSourceEditor({
                parent,
                text: code.current,
                label: "Code of the worker",
                describedBy: ids.hint,
                onChange: (text) => {
                  code.current = text;
                  save({});
                },
                onExports: setNames,
              });
              editor.current.view.dom.addEventListener("keydown", (event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                  event.preventDefault();
                  void latest.current();
                }
              });
              return editor.current;
            }}
          />
          <div class="code-foot">
            <div class="exports" role="status">
              <span class="label">Functions</span>
              {names.length > 0 ? (
                names.map((exported) => (
                  <span key={exported} class="chip">
                    {exported}
                  </span>
                ))
              ) : (
                <span class="hint">none exported yet</span>
              )}
            </div>
            <span id={ids.hint} class="hint">
              Tab indents; Escape, then Tab leaves the editor.
            </span>
          </div>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={experimentalDecorators}
            onChange={(event) => {
              setExperimentalDecorators(event.currentTarget.checked);
              save({ experimentalDecorators: event.currentTarget.checked });
            }}
          />
          <span>
            Decorators of before TypeScript 5 <span class="hint">(experimentalDecorators)</span>
          </span>
        </label>
        {error && <ErrorNote what="The worker was not deployed" error={error} />}
        <div class="row deploy-actions">
          <Button type="submit" kind="primary" icon={Rocket} disabled={busy}>
            {busy ? "Deploying…" : "Deploy"}
          </Button>
          <span class="hint">
            <kbd>Ctrl</kbd> + <kbd>Enter</kbd> in the editor
          </span>
        </div>
        <Curl what="Deploy" command={() => commands.deploy({ ...draft, code: code.current })} />
      </form>
    </>
  );
}

function firstDraft(): Deploy {
  try {
    const draft = JSON.parse(tab.get(DRAFT) ?? "null") as Deploy | null;
    if (draft && typeof draft.name === "string" && typeof draft.code === "string") {
      return { name: draft.name, code: draft.code, experimentalDecorators: draft.experimentalDecorators === true };
    }
  } catch {
    // Not a draft of ours.
  }
  const [example] = examples;
  return { name: example?.name ?? "", code: example?.code ?? "", experimentalDecorators: false };
}
