/// All workers: what there is, what is wrong with it, and what expires.

import { Play, Plus, Search, Trash2 } from "lucide";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { Worker } from "../../data/api/types.ts";
import { paths } from "../../data/browser/route.ts";
import { now, workers } from "../../data/state.ts";
import { isExpiringSoon, statusOf, whyNotInvoke } from "../../data/workers/life.ts";
import { classes } from "../../lib/classes.ts";
import { count } from "../../lib/format.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Chip } from "../../ui/chip.tsx";
import * as form from "../../ui/form.module.css";
import { Icon } from "../../ui/icon.tsx";
import * as layout from "../../ui/layout.module.css";
import { ErrorNote } from "../../ui/note.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import * as text from "../../ui/text.module.css";
import { commands } from "../curl/commands.ts";
import { Curl } from "../curl/curl.tsx";
import { StartPage } from "../start/start-page.tsx";
import { Ago } from "./ago.tsx";
import { DeleteDialog } from "./delete-dialog.tsx";
import { RedeployButton } from "./redeploy.tsx";
import { Expiry, StatusBadge } from "./status.tsx";
import * as styles from "./workers-page.module.css";

/** Rows that are drawn at first, and each time the reader comes to their end. */
const STEP = 100;
const FUNCTIONS_SHOWN = 3;

export function WorkersPage() {
  const all = workers.all.value;
  const isComplete = workers.isComplete.value;
  const error = workers.error.value;
  const [query, setQuery] = useState("");
  const [deleting, setDeleting] = useState<Worker | null>(null);
  const matching = useMemo(() => filter(all ?? [], query), [all, query]);
  if (all?.length === 0) {
    return <StartPage isEmpty />;
  }
  return (
    <>
      <PageHead
        title="Workers"
        aside={
          <span class={text.faint}>
            {all?.length.toLocaleString("en")}
            {all && !isComplete && " so far"}
          </span>
        }
        actions={
          <LinkButton kind="primary" icon={Plus} href={paths.deploy()}>
            Deploy a worker
          </LinkButton>
        }
      />
      <div class={layout.stack}>
        <div class={layout.row}>
          <div class={styles.search}>
            <Icon of={Search} />
            <input
              class={form.input}
              type="search"
              placeholder="Search by name"
              aria-label="Search workers by name"
              value={query}
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
          </div>
          <span class={text.hint} role="status">
            {query && `${count(matching.length, "worker")} found${isComplete ? "" : " so far"}`}
          </span>
        </div>
        {error && !all && <ErrorNote what="The workers could not be read" error={error} />}
        {all ? <List key={query} workers={matching} query={query} onDelete={setDeleting} /> : !error && <Skeleton />}
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
      <div class={classes(layout.card, layout.empty)}>
        <p>{workers.isComplete.value ? `No worker has “${query}” in its name.` : "The workers are still being read."}</p>
      </div>
    );
  }
  return (
    <div class={layout.card}>
      <table class={styles.workers}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Functions</th>
            <th scope="col">Status</th>
            <th scope="col">Deployed</th>
            <th scope="col">Last invoked</th>
            <th scope="col">Expires</th>
            <th scope="col">
              <span class={text.hidden}>Actions</span>
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
        <button ref={end} type="button" class={styles.more} onClick={() => setShown(shown + STEP)}>
          {`Show more (${(matching.length - shown).toLocaleString("en")} left)`}
        </button>
      )}
    </div>
  );
}

function Row({ worker, onDelete }: { readonly worker: Worker; readonly onDelete: (worker: Worker) => void }) {
  const status = statusOf(worker, now.time.value);
  const reason = whyNotInvoke(worker, now.time.value);
  const offersRedeploy = status === "expired" || status === "error" || isExpiringSoon(worker, now.time.value);
  const explanation = reason && `why-${worker.id}`;
  return (
    <tr data-worker={worker.id} class={status === "expired" ? styles.expired : undefined}>
      <td class={styles.name}>
        <a href={paths.worker(worker.id)}>{worker.name}</a>
        {status === "error" && <span class={styles.errorMessage}>{worker.errorMessage}</span>}
      </td>
      <td class={styles.functions} data-label="Functions">
        {worker.functions.slice(0, FUNCTIONS_SHOWN).map((name) => (
          <Chip key={name} class={styles.chip} title={name}>
            {name}
          </Chip>
        ))}
        {worker.functions.length > FUNCTIONS_SHOWN && (
          <span class={text.faint} title={worker.functions.slice(FUNCTIONS_SHOWN).join(", ")}>
            +{worker.functions.length - FUNCTIONS_SHOWN}
          </span>
        )}
      </td>
      <td class={styles.status}>
        <StatusBadge worker={worker} />
      </td>
      <td data-label="Deployed">
        <Ago at={worker.createdAt} />
      </td>
      <td data-label="Last invoked">{worker.lastInvokedAt ? <Ago at={worker.lastInvokedAt} /> : <span class={text.faint}>never</span>}</td>
      <td data-label={status === "expired" ? "Expired" : "Expires"}>
        <Expiry worker={worker} />
      </td>
      <td class={styles.actions}>
        {offersRedeploy && <RedeployButton worker={worker} small />}
        {reason ? (
          <>
            <Button small icon={Play} disabled title={reason} describedBy={explanation ?? undefined}>
              Invoke
            </Button>
            <span id={explanation ?? undefined} class={text.hidden}>
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

/** Stands for the list until it has been read. */
function Skeleton() {
  return (
    <div class={layout.card} aria-busy="true" role="status">
      <span class={text.hidden}>The workers are being read.</span>
      {[0, 1, 2, 3].map((row) => (
        <div key={row} class={styles.skeletonRow}>
          <div class={styles.skeleton} />
          <div class={styles.skeleton} />
        </div>
      ))}
    </div>
  );
}

function filter(all: readonly Worker[], query: string): readonly Worker[] {
  const words = query.toLowerCase().trim();
  return words ? all.filter((worker) => worker.name.toLowerCase().includes(words)) : all;
}
