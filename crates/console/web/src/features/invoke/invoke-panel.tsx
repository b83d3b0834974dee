/// Invoke: function and payload on one side, what comes of it on the other, a tab an invocation.

import { Play } from "lucide";
import { useId, useRef, useState } from "preact/hooks";

import type { Worker } from "../../data/api/types.ts";
import type { Invocation } from "../../data/invocations/invocation.ts";
import { invocations, now, payloads } from "../../data/state.ts";
import { whyNotInvoke } from "../../data/workers/life.ts";
import { classes } from "../../lib/classes.ts";
import type { JsonProblem } from "../../lib/json.ts";
import { Button } from "../../ui/button.tsx";
import type { CodeEditor } from "../../ui/editor/code.ts";
import { EditorHost } from "../../ui/editors/editor-host.tsx";
import * as forms from "../../ui/form.module.css";
import * as layout from "../../ui/layout.module.css";
import { Tabs, tabId } from "../../ui/tabs.tsx";
import * as text from "../../ui/text.module.css";
import { commands } from "../curl/commands.ts";
import { Curl } from "../curl/curl.tsx";
import { Dot } from "./dot.tsx";
import { InvocationView } from "./invocation-view.tsx";
import * as styles from "./invoke-panel.module.css";

const PANEL = "invocation-panel";
const OUTPUT = "invocations";

export function InvokePanel({ worker }: { readonly worker: Worker }) {
  const own = invocations.of(worker.id);
  const selected = invocations.selectedOf(worker.id);
  return (
    <div class={styles.invoke}>
      <InvokeForm worker={worker} />
      <div class={styles.invocations} id={OUTPUT}>
        {own.length > 0 && (
          <Tabs
            label="Invocations"
            panel={PANEL}
            selected={String(selected?.number)}
            onSelect={(key) => {
              const chosen = own.find((invocation) => String(invocation.number) === key);
              if (chosen) {
                invocations.select(chosen);
              }
            }}
            onClose={() => selected && invocations.close(selected)}
            tabs={own.map((invocation) => ({ key: String(invocation.number), content: <TabContent invocation={invocation} /> }))}
          />
        )}
        {selected ? (
          <div class={styles.panel} role="tabpanel" id={PANEL} aria-labelledby={tabId(PANEL, String(selected.number))}>
            <InvocationView key={selected.number} invocation={selected} worker={worker} />
          </div>
        ) : (
          <div class={classes(layout.card, layout.empty)}>
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
      <Dot state={state} />
      {invocation.functionName} <span class={text.faint}>#{invocation.number}</span>
      <span class={text.hidden}>, {state}</span>
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
  const reason = whyNotInvoke(worker, now.time.value);
  const history = payloads.of(worker.id, name);

  const choose = (next: string) => {
    setChosen(next);
    editor.current?.setText(lastPayload(worker.id, next));
  };
  const run = () => {
    if (problem || !name) {
      return;
    }
    payloads.remember(worker.id, name, payload);
    invocations.invoke({ workerId: worker.id, functionName: name, payload });
    // On a phone the log is below the form.
    document.getElementById(OUTPUT)?.scrollIntoView({ block: "nearest" });
  };
  const latest = useRef(run);
  latest.current = () => reason === null && run();

  return (
    <form
      class={classes(layout.card, styles.form)}
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <div class={forms.field}>
        <label for={ids.function}>Function</label>
        <select
          id={ids.function}
          class={classes(forms.input, text.mono)}
          value={name}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {functions.map((exported) => (
            <option key={exported} value={exported}>
              {exported}
            </option>
          ))}
        </select>
      </div>
      <div class={forms.field}>
        <div class={styles.payloadHead}>
          <span class={forms.label}>Payload</span>
          <span id={ids.hint} class={classes(text.hint, styles.keys)}>
            JSON; Escape, then Tab leaves
          </span>
        </div>
        <div class={classes(styles.payload, problem !== null && styles.invalid)}>
          <EditorHost
            name="payload"
            class={styles.editor}
            outlined={false}
            create={({ createJsonEditor }, parent) => {
              editor.current = createJsonEditor({
                parent,
                text: payload,
                label: "Payload, JSON",
                describedBy: `${ids.problem} ${ids.hint}`,
                onChange: (typed, found) => {
                  setPayload(typed);
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
        <div id={ids.problem} class={styles.problem} role="status">
          {problem && `${problem.message} (${placeOf(payload, problem.offset)})`}
        </div>
      </div>
      <div class={forms.field}>
        <label for={ids.history}>Last payloads</label>
        <select
          id={ids.history}
          class={classes(forms.input, text.mono)}
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
      <div class={layout.row}>
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
          <span id={ids.reason} class={classes(text.hint, styles.reason)}>
            {reason}
          </span>
        )}
      </div>
      {name && <Curl what="Invoke" command={() => commands.watch(worker.id, name, payload.trim() || "{}")} />}
    </form>
  );
}

function lastPayload(workerId: string, name: string): string {
  return payloads.of(workerId, name)[0] ?? "{}";
}

function preview(payload: string): string {
  const line = payload.replace(/\s+/g, " ").trim();
  return line.length > 60 ? `${line.slice(0, 59)}…` : line || "(empty)";
}

function placeOf(payload: string, offset: number): string {
  const before = payload.slice(0, offset).split("\n");
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
