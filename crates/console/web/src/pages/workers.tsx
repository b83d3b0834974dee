/// All workers: what there is, what is wrong with it, and what expires.

import { Play, Plus, Search, Trash2 } from "lucide";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Worker } from "../api/types.ts";
import { Button, LinkButton } from "../components/button.tsx";
import { Curl } from "../components/curl.tsx";
import { DeleteDialog } from "../components/delete-dialog.tsx";
import { Icon } from "../components/icon.tsx";
import { ErrorNote } from "../components/notes.tsx";
import { RedeployButton } from "../components/redeploy.tsx";
import { Expiry, StatusBadge } from "../components/status.tsx";
import { Ago } from "../components/time.tsx";
import { commands } from "../curl.ts";
import { count } from "../format.ts";
import { paths } from "../router.ts";
import { now } from "../state/now.ts";
import { isComplete, listError, workers } from "../state/workers.ts";
import { isExpiringSoon, statusOf, whyNotInvoke } from "../worker/life.ts";
import { GetStarted } from "./get-started.tsx";
import { PageHead } from "./page.tsx";

/** Rows that are drawn at first, and each time the reader comes to their end. */
const STEP = 100;
const FUNCTIONS_SHOWN = 3;

export function WorkersPage() {
  const all = workers.value;
  const [query, setQuery] = useState("");
  const [deleting, setDeleting] = useState<Worker | null>(null);
  const matching = useMemo(() => filter(all ?? [], query), [all, query]);
  if (all?.length === 0) {
    return <GetStarted isEmpty />;
  }
  return (
    <>
      <PageHead
        title="Workers"
        aside={
          <span class="faint">
            {all?.length.toLocaleString("en")}
            {all && !isComplete.value && " so far"}
          </span>
        }
        actions={
          <LinkButton kind="primary" icon={Plus} href={paths.deploy()}>
            Deploy a worker
          </LinkButton>
        }
      />
      <div class="stack">
        <div class="row list-tools">
          <div class="search">
            <Icon of={Search} />
            <input
              class="input"
              type="search"
              placeholder="Search by name"
              aria-label="Search workers by name"
              value={query}
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
          </div>
          <span class="hint" role="status">
            {query && `${count(matching.length, "worker")} found${isComplete.value ? "" : " so far"}`}
          </span>
        </div>
        {listError.value && !all && <ErrorNote what="The workers could not be read" error={listError.value} />}
        {all ? <List key={query} workers={matching} query={query} onDelete={setDeleting} /> : !listError.value && <Skeleton />}
        <Curl what="List workers" command={commands.list} />
      </div>
      {deleting && <DeleteDialog worker={deleting} onClose={() => setDeleting(null)} />}
    </>
  );
}

interface ListProps {
  readonly workers: readonly Worker[];
  readonly query: string;
  readonly onDelete: (worker: Worker) => void;
}

function List({ workers: matching, query, onDelete }: ListProps) {
  const [shown, setShown] = useState(STEP);
  const end = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!end.current) {
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && setShown((number) => number + STEP),
      { rootMargin: "600px" },
    );
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [shown, matching.length > shown]);
  if (matching.length === 0) {
    return (
      <div class="card empty">
        <p>{isComplete.value ? `No worker has “${query}” in its name.` : "The workers are still being read."}</p>
      </div>
    );
  }
  return (
    <div class="card">
      <table class="workers">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Functions</th>
            <th scope="col">Status</th>
            <th scope="col">Deployed</th>
            <th scope="col">Last invoked</th>
            <th scope="col">Expires</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {matching.slice(0, shown).map((worker) => (
            <Row key={worker.id} worker={worker} onDelete={onDelete} />
          ))}
        </tbody>
      </table>
      {matching.length > shown && (
        <button ref={end} type="button" class="more" onClick={() => setShown(shown + STEP)}>
          {`Show more (${(matching.length - shown).toLocaleString("en")} left)`}
        </button>
      )}
    </div>
  );
}

function Row({ worker, onDelete }: { readonly worker: Worker; readonly onDelete: (worker: Worker) => void }) {
  const status = statusOf(worker, now.value);
  const reason = whyNotInvoke(worker, now.value);
  const offersRedeploy = status === "expired" || status === "error" || isExpiringSoon(worker, now.value);
  const explanation = reason && `why-${worker.id}`;
  return (
    <tr data-worker={worker.id} class={status === "expired" ? "is-expired" : ""}>
      <td class="cell-name">
        <a href={paths.worker(worker.id)}>{worker.name}</a>
        {status === "error" && <span class="error-message">{worker.errorMessage}</span>}
      </td>
      <td class="cell-functions" data-label="Functions">
        {worker.functions.slice(0, FUNCTIONS_SHOWN).map((name) => (
          <span key={name} class="chip" title={name}>
            {name}
          </span>
        ))}
        {worker.functions.length > FUNCTIONS_SHOWN && (
          <span class="faint" title={worker.functions.slice(FUNCTIONS_SHOWN).join(", ")}>
            +{worker.functions.length - FUNCTIONS_SHOWN}
          </span>
        )}
      </td>
      <td class="cell-status">
        <StatusBadge worker={worker} />
      </td>
      <td data-label="Deployed">
        <Ago at={worker.createdAt} />
      </td>
      <td data-label="Last invoked">{worker.lastInvokedAt ? <Ago at={worker.lastInvokedAt} /> : <span class="faint">never</span>}</td>
      <td data-label={status === "expired" ? "Expired" : "Expires"}>
        <Expiry worker={worker} />
      </td>
      <td class="cell-actions">
        {offersRedeploy && <RedeployButton worker={worker} small />}
        {reason ? (
          <>
            <Button small icon={Play} disabled title={reason} describedBy={explanation ?? undefined}>
              Invoke
            </Button>
            <span id={explanation ?? undefined} class="visually-hidden">
              {reason}
            </span>
          </>
        ) : (
          <LinkButton small icon={Play} href={paths.worker(worker.id)} label={`Invoke ${worker.name}`}>
            Invoke
          </LinkButton>
        )}
        <Button small kind="quiet" icon={Trash2} label={`Delete ${worker.name}`} onClick={() => onDelete(worker)} />
      </td>
    </tr>
  );
}

/** The list's place, until it is there. */
function Skeleton() {
  return (
    <div class="card" aria-busy="true" role="status">
      <span class="visually-hidden">The workers are being read.</span>
      {[0, 1, 2, 3].map((row) => (
        <div key={row} class="skeleton-row">
          <div class="skeleton" />
          <div class="skeleton" />
        </div>
      ))}
    </div>
  );
}

function filter(all: readonly Worker[], query: string): readonly Worker[] {
  const words = query.toLowerCase().trim();
  return words ? all.filter((worker) => worker.name.toLowerCase().includes(words)) : all;
}
