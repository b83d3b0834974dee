/// One worker: invoke it, read its source, call it from elsewhere.

import { Trash2 } from "lucide";
import { useEffect, useState } from "preact/hooks";

import { type ApiError, asApiError } from "../../data/api/error.ts";
import type { Worker } from "../../data/api/types.ts";
import { paths, type Route, type WorkerTab } from "../../data/browser/route.ts";
import { api, now, router, workers } from "../../data/state.ts";
import { isExpiringSoon, statusOf, whyNotInvoke } from "../../data/workers/life.ts";
import { classes } from "../../lib/classes.ts";
import { Button } from "../../ui/button.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Tabs, tabId } from "../../ui/tabs.tsx";
import * as text from "../../ui/text.module.css";
import { CurlPanel } from "../curl/curl-panel.tsx";
import { InvokePanel } from "../invoke/invoke-panel.tsx";
import { MissingPage } from "../missing/missing-page.tsx";
import { SourcePanel } from "../source/source-panel.tsx";
import { DeleteDialog } from "../workers/delete-dialog.tsx";
import { RedeployButton } from "../workers/redeploy.tsx";
import { Expiry, StatusBadge } from "../workers/status.tsx";
import * as styles from "./worker-page.module.css";

type WorkerRoute = Extract<Route, { page: "worker" }>;

const PANEL = "worker-panel";

export function WorkerPage({ route }: { readonly route: WorkerRoute }) {
  const worker = workers.find(route.id);
  const isComplete = workers.isComplete.value;
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    // The list may be long in coming, and this page needs one of it.
    if (!worker && !isComplete) {
      api.get(route.id).then(putWorkerOnce, (cause) => setError(asApiError(cause)));
    }
  }, [route.id]);
  if (worker) {
    return <Found worker={worker} route={route} />;
  }
  if (error && error.status !== 404) {
    return <ErrorNote what="The worker could not be read" error={error} />;
  }
  return isComplete || error ? <MissingPage text="There is no such worker; it may have been deleted." /> : null;
}

function putWorkerOnce(worker: Worker): void {
  if (!workers.find(worker.id)) {
    workers.put(worker);
  }
}

function Found({ worker, route }: { readonly worker: Worker; readonly route: WorkerRoute }) {
  const [deleting, setDeleting] = useState(false);
  const status = statusOf(worker, now.time.value);
  const isExpiring = isExpiringSoon(worker, now.time.value);
  const reason = whyNotInvoke(worker, now.time.value);
  return (
    <>
      <PageHead
        title={worker.name}
        aside={
          <>
            <StatusBadge worker={worker} />
            <span class={classes(styles.expiry, text.muted)}>
              {status === "ready" &&
                (isExpiring ? (
                  <Expiry worker={worker} />
                ) : (
                  <>
                    Expires <Expiry worker={worker} />
                  </>
                ))}
            </span>
          </>
        }
        actions={
          <>
            {status !== "creating" && <RedeployButton worker={worker} />}
            <Button kind="danger-line" icon={Trash2} onClick={() => setDeleting(true)}>
              Delete
            </Button>
          </>
        }
      />
      {status === "error" && (
        <div class={styles.note}>
          <Note kind="bad" title="The worker could not be created">
            <p>{worker.errorMessage}</p>
          </Note>
        </div>
      )}
      {status === "expired" && (
        <div class={styles.note}>
          <Note kind="warn">{reason}</Note>
        </div>
      )}
      <Tabs
        label="Views of the worker"
        panel={PANEL}
        selected={route.tab}
        onSelect={(key) => router.replace(paths.worker(worker.id, key as WorkerTab))}
        tabs={[
          { key: "invoke", content: "Invoke" },
          { key: "source", content: "Source" },
          { key: "api", content: "curl" },
        ]}
      />
      <div class={styles.panel} role="tabpanel" id={PANEL} aria-labelledby={tabId(PANEL, route.tab)}>
        {route.tab === "invoke" && <InvokePanel key={worker.id} worker={worker} />}
        {route.tab === "source" && <SourcePanel key={worker.id} worker={worker} line={route.line} column={route.column} />}
        {route.tab === "api" && <CurlPanel worker={worker} />}
      </div>
      {deleting && <DeleteDialog worker={worker} onClose={() => setDeleting(false)} onDeleted={() => router.navigate(paths.workers)} />}
    </>
  );
}
