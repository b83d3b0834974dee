/// Everything about a worker, by command line.

import type { Worker } from "../api/types.ts";
import { Command, TokenHint } from "../components/curl.tsx";
import { commands } from "../curl.ts";
import { payloadsOf } from "../state/payloads.ts";
import { token } from "../state/session.ts";

export function ApiPanel({ worker }: { readonly worker: Worker }) {
  const { id, functions } = worker;
  return (
    <div class="stack api-panel">
      {token.value && <TokenHint />}
      {functions.map((name) => {
        const payload = payloadsOf(id, name)[0] ?? "{}";
        return (
          <section key={name} class="stack">
            <h2>
              Invoke <code>{name}</code>
            </h2>
            <p class="muted">And watch: log lines as they are printed, the result last.</p>
            <Command label={`curl command: Watch ${name}`} command={commands.watch(id, name, payload)} />
            <p class="muted">And be told at the end:</p>
            <Command label={`curl command: Invoke ${name}`} command={commands.call(id, name, payload)} />
          </section>
        );
      })}
      <section class="stack">
        <h2>Look after it</h2>
        <p class="muted">Its state, its source, a new snapshot of the same source, and its end.</p>
        <Command label="curl command: State" command={commands.get(id)} />
        <Command label="curl command: Source" command={commands.source(id)} />
        <Command label="curl command: Redeploy" command={commands.redeploy(id)} />
        <Command label="curl command: Delete" command={commands.remove(id)} />
      </section>
    </div>
  );
}
