/// The first steps, on an empty platform and whenever they are asked for.

import { Plus } from "lucide";
import { productName } from "../branding/branding.ts";
import { LinkButton } from "../components/button.tsx";
import { Command, TokenHint } from "../components/curl.tsx";
import { commands } from "../curl.ts";
import { paths } from "../router.ts";
import { token } from "../state/session.ts";
import { workers } from "../state/workers.ts";
import { examples } from "./examples.ts";
import { PageHead } from "./page.tsx";

const FIRST = examples[0];

export function GetStarted({ isEmpty = false }: { readonly isEmpty?: boolean }) {
  const newest = workers.value?.find((worker) => worker.status === "ready" && worker.functions.length > 0);
  const id = newest?.id ?? "WORKER_ID";
  const name = newest?.functions[0] ?? "greet";
  return (
    <>
      <PageHead title={isEmpty ? `Welcome to ${productName}` : "Get started"} />
      <div class="start">
        <p class="lead muted">
          A worker is a TypeScript module. Every function that it exports can be invoked: each time in a fresh sandbox, with its log
          arriving while it runs.
        </p>
        <ol class="steps">
          <li class="card padded">
            <h2>Deploy a worker</h2>
            <p class="muted">Write one, or begin with an example. There is no build: it is ready at once.</p>
            <div class="row">
              <LinkButton kind="primary" icon={Plus} href={paths.deploy()}>
                {isEmpty ? "Deploy your first worker" : "Deploy a worker"}
              </LinkButton>
            </div>
            {FIRST && <Command label="curl command: Deploy" command={commands.deploy(FIRST)} />}
          </li>
          <li class="card padded">
            <h2>Invoke a function, and watch</h2>
            <p class="muted">
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
          <li class="card padded">
            <h2>Call it from your code</h2>
            <p class="muted">Without the event stream the answer comes at the end, with result and log together.</p>
            <Command label="curl command: Invoke" command={commands.call(id, name, '{"name": "Ada"}')} />
          </li>
        </ol>
        {token.value && <TokenHint />}
        <p class="muted">
          Every route, for programs: <code>api/openapi.json</code>, an OpenAPI 3.1 document.
        </p>
      </div>
    </>
  );
}
