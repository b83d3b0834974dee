/// Invoke: function and payload on one side, what comes of it on the other, a tab an invocation.

import { Play } from "lucide";
import { useId, useRef, useState } from "preact/hooks";

import type { Worker } from "../api/types.ts";
import { Button } from "../components/button.tsx";
import { Curl } from "../components/curl.tsx";
import { Tabs, tabId } from "../components/tabs.tsx";
import { commands } from "../curl.ts";
import type { CodeEditor } from "../editor/code.ts";
import { EditorHost } from "../editor/component.tsx";
import type { JsonProblem } from "../json.ts";
import type { Invocation } from "../state/invocation.ts";
import { close, invocationsOf, invoke, select, selectedOf } from "../state/invocations.ts";
import { now } from "../state/now.ts";
import { payloadsOf, rememberPayload } from "../state/payloads.ts";
import { InvocationView } from "./invocation-view.tsx";
import { whyNotInvoke } from "./life.ts";

const PANEL = "invocation-panel";
const OUTPUT = "invocations";

export function InvokePanel({ worker }: { readonly worker: Worker }) {
  const invocations = invocationsOf(worker.id);
  const selected = selectedOf(worker.id);
  return (
    <div class="invoke">
      <InvokeForm worker={worker} />
      <div class="invocations" id={OUTPUT}>
        {invocations.length > 0 && (
          <Tabs
            label="Invocations"
            panel={PANEL}
            selected={String(selected?.number)}
            onSelect={(key) => {
              const chosen = invocations.find((invocation) => String(invocation.number) === key);
              if (chosen) {
                select(chosen);
              }
            }}
            onClose={() => selected && close(selected)}
            tabs={invocations.map((invocation) => ({ key: String(invocation.number), content: <TabContent invocation={invocation} /> }))}
          />
        )}
        {selected ? (
          <div class="invocation-panel" role="tabpanel" id={PANEL} aria-labelledby={tabId(PANEL, String(selected.number))}>
            <InvocationView key={selected.number} invocation={selected} worker={worker} />
          </div>
        ) : (
          <div class="card empty">
            <p>The log appears here, line by line, and then the result.</p>
          </div>
        )}
      </div>
    </div>
  );
}

function TabContent({ invocation }: { readonly invocation: Invocation }) {
  const outcome = invocation.outcome.value;
  const state = outcome === null ? "running" : outcome.kind;
  return (
    <>
      <span class={`tab-dot ${state}`} />
      {invocation.functionName} <span class="faint">#{invocation.number}</span>
      <span class="visually-hidden">, {state}</span>
    </>
  );
}

function InvokeForm({ worker }: { readonly worker: Worker }) {
  const { functions } = worker;
  const [chosen, setChosen] = useState(functions[0] ?? "");
  const name = functions.includes(chosen) ? chosen : (functions[0] ?? "");
  const [payload, setPayload] = useState(() => lastPayload(worker.id, name));
  const [problem, setProblem] = useState<JsonProblem | null>(null);
  const editor = useRef<CodeEditor | null>(null);
  const ids = { function: useId(), history: useId(), problem: useId(), hint: useId(), reason: useId() };
  const reason = whyNotInvoke(worker, now.value);
  const history = payloadsOf(worker.id, name);

  const choose = (next: string) => {
    setChosen(next);
    editor.current?.setText(lastPayload(worker.id, next));
  };
  const run = () => {
    if (problem || !name) {
      return;
    }
    rememberPayload(worker.id, name, payload);
    invoke(worker.id, name, payload);
    // On a phone the log is below the form.
    document.getElementById(OUTPUT)?.scrollIntoView({ block: "nearest" });
  };
  const latest = useRef(run);
  latest.current = () => reason === null && run();

  return (
    <form
      class="card invoke-form"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <div class="field">
        <label for={ids.function}>Function</label>
        <select id={ids.function} class="input mono" value={name} onChange={(event) => choose(event.currentTarget.value)}>
          {functions.map((exported) => (
            <option key={exported} value={exported}>
              {exported}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <div class="payload-head">
          <span class="label">Payload</span>
          <span id={ids.hint} class="hint">
            JSON; Escape, then Tab leaves
          </span>
        </div>
        <div class={`payload ${problem ? "is-invalid" : ""}`}>
          <EditorHost
            class="payload-editor"
            create={({ createJsonEditor }, parent) => {
              editor.current = createJsonEditor({
                parent,
                text: payload,
                label: "Payload, JSON",
                describedBy: `${ids.problem} ${ids.hint}`,
                onChange: (text, found) => {
                  setPayload(text);
                  setProblem(found);
                },
              });
              editor.current.view.dom.addEventListener("keydown", (event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                  event.preventDefault();
                  latest.current();
                }
              });
              return editor.current;
            }}
          />
        </div>
        {/* Its line is kept free, so that nothing moves while one types. */}
        <div id={ids.problem} class="payload-problem" role="status">
          {problem && `${problem.message} (${placeOf(payload, problem.offset)})`}
        </div>
      </div>
      <div class="field">
        <label for={ids.history}>Last payloads</label>
        <select
          id={ids.history}
          class="input mono"
          value=""
          disabled={history.length === 0}
          onChange={(event) => {
            const past = history[Number(event.currentTarget.value)];
            event.currentTarget.value = "";
            if (past !== undefined) {
              editor.current?.setText(past);
            }
          }}
        >
          <option value="">{history.length === 0 ? "none yet" : "choose…"}</option>
          {history.map((past, index) => (
            <option key={past} value={index}>
              {preview(past)}
            </option>
          ))}
        </select>
      </div>
      <div class="row">
        <Button
          type="submit"
          kind="primary"
          icon={Play}
          disabled={reason !== null || problem !== null || !name}
          title={reason ?? (problem ? "The payload is not JSON" : "Ctrl + Enter in the payload")}
          describedBy={reason ? ids.reason : undefined}
        >
          Invoke
        </Button>
        {reason && (
          <span id={ids.reason} class="hint reason">
            {reason}
          </span>
        )}
      </div>
      {name && <Curl what="Invoke" command={() => commands.watch(worker.id, name, payload.trim() || "{}")} />}
    </form>
  );
}

function lastPayload(workerId: string, name: string): string {
  return payloadsOf(workerId, name)[0] ?? "{}";
}

function preview(payload: string): string {
  const line = payload.replace(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line || "(empty)";
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
