/// The first steps, on an empty platform and whenever they are asked for.

import { Plus } from "lucide";

import { paths } from "../../data/browser/route.ts";
import { session, workers } from "../../data/state.ts";
import { productName } from "../../lib/branding.ts";
import { classes } from "../../lib/classes.ts";
import { LinkButton } from "../../ui/button.tsx";
import * as layout from "../../ui/layout.module.css";
import { PageHead } from "../../ui/page-head.tsx";
import * as text from "../../ui/text.module.css";
import { commands } from "../curl/commands.ts";
import { Command, TokenHint } from "../curl/curl.tsx";
import { examples } from "../deploy/examples.ts";
import * as styles from "./start-page.module.css";

const FIRST = examples[0];

export function StartPage({ isEmpty = false }: { readonly isEmpty?: boolean }) {
  const newest = workers.all.value?.find((worker) => worker.status === "ready" && worker.functions.length > 0);
  const id = newest?.id ?? "WORKER_ID";
  const name = newest?.functions[0] ?? "greet";
  return (
    <>
      <PageHead title={isEmpty ? `Welcome to ${productName}` : "Get started"} />
      <div class={styles.start}>
        <p class={classes(styles.lead, text.muted)}>
          A worker is a TypeScript module. Every function that it exports can be invoked: each time in a fresh sandbox, with its log
          arriving while it runs.
        </p>
        <ol class={styles.steps}>
          <li class={classes(layout.card, layout.padded)}>
            <h2>Deploy a worker</h2>
            <p class={text.muted}>Write one, or begin with an example. There is no build: it is ready at once.</p>
            <div class={layout.row}>
              <LinkButton kind="primary" icon={Plus} href={paths.deploy()}>
                {isEmpty ? "Deploy your first worker" : "Deploy a worker"}
              </LinkButton>
            </div>
            {FIRST && <Command label="curl command: Deploy" command={commands.deploy(FIRST)} />}
          </li>
          <li class={classes(layout.card, layout.padded)}>
            <h2>Invoke a function, and watch</h2>
            <p class={text.muted}>
              {newest ? (
                <>
                  On the page of a worker, as <a href={paths.worker(newest.id)}>{newest.name}</a>, choose a function and press Invoke.
                </>
              ) : (
                "On the worker's page choose a function and press Invoke."
              )}{" "}
              The payload is its one argument; the lines of its log come one by one, and the result last.
            </p>
            <Command label="curl command: Invoke and watch" command={commands.watch(id, name, '{"name": "Ada"}')} />
          </li>
          <li class={classes(layout.card, layout.padded)}>
            <h2>Call it from your code</h2>
            <p class={text.muted}>Without the event stream the answer comes at the end, with result and log together.</p>
            <Command label="curl command: Invoke" command={commands.call(id, name, '{"name": "Ada"}')} />
          </li>
        </ol>
        {session.token.value && <TokenHint />}
        <p class={text.muted}>
          Every route, for programs: <code>api/openapi.json</code>, an OpenAPI 3.1 document.
        </p>
      </div>
    </>
  );
}
