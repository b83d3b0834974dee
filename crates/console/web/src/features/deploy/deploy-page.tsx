/// Deploy: a name, and code in an editor.

import { effect } from "@preact/signals";
import { Rocket } from "lucide";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { paths } from "../../data/browser/route.ts";
import { api, payloads, router, sessionStore, workers } from "../../data/state.ts";
import { classes } from "../../lib/classes.ts";
import { Button } from "../../ui/button.tsx";
import { Chip } from "../../ui/chip.tsx";
import type { CodeEditor } from "../../ui/editor/code.ts";
import { EditorHost } from "../../ui/editors/editor-host.tsx";
import * as form from "../../ui/form.module.css";
import * as layout from "../../ui/layout.module.css";
import { ErrorNote } from "../../ui/note.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import * as text from "../../ui/text.module.css";
import { commands } from "../curl/commands.ts";
import { Curl } from "../curl/curl.tsx";
import * as styles from "./deploy-page.module.css";
import { DeployDraft } from "./draft.ts";
import { examples } from "./examples.ts";

export function DeployPage({ from }: { readonly from: string | null }) {
  const [draft] = useState(() => new DeployDraft({ api, workers, payloads, sessionStore, examples }));
  const ids = { name: useId(), example: useId(), hint: useId() };
  useEffect(() => {
    if (from) {
      void draft.copy(from);
    }
  }, [from]);
  const deploy = async () => {
    const worker = await draft.deploy();
    if (worker) {
      router.navigate(paths.worker(worker.id));
    }
  };
  return (
    <>
      <PageHead title="Deploy a worker" />
      <form
        class={styles.deploy}
        onSubmit={(event) => {
          event.preventDefault();
          void deploy();
        }}
      >
        <div class={styles.fields}>
          <div class={form.field}>
            <label for={ids.name}>Name</label>
            <input
              id={ids.name}
              class={form.input}
              value={draft.name.value}
              maxLength={255}
              autocomplete="off"
              spellcheck={false}
              aria-invalid={draft.error.value?.details["field"] === "name"}
              onInput={(event) => draft.change({ name: event.currentTarget.value })}
            />
          </div>
          <div class={form.field}>
            <label for={ids.example}>Start from an example</label>
            <select
              id={ids.example}
              class={form.input}
              value={draft.example.value?.key ?? ""}
              onChange={(event) => {
                const example = examples.find((candidate) => candidate.key === event.currentTarget.value);
                if (example) {
                  draft.replaceWith(example);
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
        <div class={classes(layout.card, layout.clipped)}>
          <CodeField draft={draft} describedBy={ids.hint} onSubmit={() => void deploy()} />
          <div class={styles.foot}>
            <Exports names={draft.exports.value} />
            <span id={ids.hint} class={text.hint}>
              Tab indents; Escape, then Tab leaves the editor.
            </span>
          </div>
        </div>
        <label class={form.check}>
          <input
            type="checkbox"
            checked={draft.experimentalDecorators.value}
            onChange={(event) => draft.change({ experimentalDecorators: event.currentTarget.checked })}
          />
          <span>
            Decorators of before TypeScript 5 <span class={text.hint}>(experimentalDecorators)</span>
          </span>
        </label>
        {draft.error.value && <ErrorNote what="The worker was not deployed" error={draft.error.value} />}
        <div class={layout.row}>
          <Button type="submit" kind="primary" icon={Rocket} disabled={draft.isBusy.value}>
            {draft.isBusy.value ? "Deploying…" : "Deploy"}
          </Button>
          <span class={text.hint}>
            <kbd>Ctrl</kbd> + <kbd>Enter</kbd> in the editor
          </span>
        </div>
        <Curl what="Deploy" command={() => commands.deploy(draft.request.value)} />
      </form>
    </>
  );
}

interface CodeFieldProps {
  readonly draft: DeployDraft;
  readonly describedBy: string;
  readonly onSubmit: () => void;
}

/** The editor, which shows the draft's code, and the mistakes that the server found in it. */
function CodeField({ draft, describedBy, onSubmit }: CodeFieldProps) {
  const editor = useRef<CodeEditor | null>(null);
  /** What the editor shows: it need not be compared with the draft, character by character, after each key. */
  const shown = useRef(draft.code.peek());
  useEffect(
    () =>
      effect(() => {
        if (draft.code.value !== shown.current) {
          editor.current?.setText(draft.code.value);
        }
      }),
    [draft],
  );
  useEffect(
    () =>
      effect(() => {
        // Read first: what is not read when there is no editor yet would not be followed.
        const mistakes = draft.diagnostics.value;
        editor.current?.mark(mistakes);
      }),
    [draft],
  );
  return (
    <EditorHost
      name="code"
      class={styles.editor}
      create={({ createSourceEditor }, parent) => {
        editor.current = createSourceEditor({
          parent,
          text: draft.code.peek(),
          label: "Code of the worker",
          describedBy,
          onChange: (code) => {
            shown.current = code;
            draft.change({ code });
          },
          onExports: (names) => {
            draft.exports.value = names;
          },
        });
        editor.current.view.dom.addEventListener("keydown", (event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            onSubmit();
          }
        });
        return editor.current;
      }}
    />
  );
}

function Exports({ names }: { readonly names: readonly string[] }) {
  return (
    <div class={styles.exports} role="status">
      <span class={form.label}>Functions</span>
      {names.length > 0 ? (
        names.map((name) => (
          <Chip key={name} data-export={name}>
            {name}
          </Chip>
        ))
      ) : (
        <span class={text.hint}>none exported yet</span>
      )}
    </div>
  );
}
