/// Everything about a worker, by command line.

import type { Worker } from "../../data/api/types.ts";
import { payloads, session } from "../../data/state.ts";
import { classes } from "../../lib/classes.ts";
import * as layout from "../../ui/layout.module.css";
import * as text from "../../ui/text.module.css";
import { commands } from "./commands.ts";
import { Command, TokenHint } from "./curl.tsx";
import * as styles from "./curl-panel.module.css";

export function CurlPanel({ worker }: { readonly worker: Worker }) {
  const { id, functions } = worker;
  return (
    <div class={classes(layout.stack, styles.panel)}>
      {session.token.value && <TokenHint />}
      {functions.map((name) => {
        const payload = payloads.of(id, name)[0] ?? "{}";
        return (
          <section key={name} class={layout.stack}>
            <h2>
              Invoke <code>{name}</code>
            </h2>
            <p class={text.muted}>And watch: log lines as they are printed, the result last.</p>
            <Command label={`curl command: Watch ${name}`} command={commands.watch(id, name, payload)} />
            <p class={text.muted}>And be told at the end:</p>
            <Command label={`curl command: Invoke ${name}`} command={commands.call(id, name, payload)} />
          </section>
        );
      })}
      <section class={layout.stack}>
        <h2>Look after it</h2>
        <p class={text.muted}>Its state, its source, a new snapshot of the same source, and its end.</p>
        <Command label="curl command: State" command={commands.get(id)} />
        <Command label="curl command: Source" command={commands.source(id)} />
        <Command label="curl command: Redeploy" command={commands.redeploy(id)} />
        <Command label="curl command: Delete" command={commands.remove(id)} />
      </section>
    </div>
  );
}
