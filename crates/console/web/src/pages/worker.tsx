/// One worker: invoke it, read its source, call it from elsewhere.

import { Trash2 } from "lucide";
import { useEffect, useState } from "preact/hooks";

import { api } from "../api/client.ts";
import { type ApiError, asApiError } from "../api/error.ts";
import type { Worker } from "../api/types.ts";
import { Button } from "../components/button.tsx";
import { DeleteDialog } from "../components/delete-dialog.tsx";
import { ErrorNote, Note } from "../components/notes.tsx";
import { RedeployButton } from "../components/redeploy.tsx";
import { Expiry, StatusBadge } from "../components/status.tsx";
import { Tabs, tabId } from "../components/tabs.tsx";
import { navigate, paths, type Route, replace, type WorkerTab } from "../router.ts";
import { now } from "../state/now.ts";
import { findWorker, isComplete, putWorker } from "../state/workers.ts";
import { ApiPanel } from "../worker/api-panel.tsx";
import { InvokePanel } from "../worker/invoke-panel.tsx";
import { isExpiringSoon, statusOf, whyNotInvoke } from "../worker/life.ts";
import { SourcePanel } from "../worker/source-panel.tsx";
import { MissingPage } from "./missing.tsx";
import { PageHead } from "./page.tsx";

type WorkerRoute = Extract<Route, { page: "worker" }>;

const PANEL = "worker-panel";

export function WorkerPage({ route }: { readonly route: WorkerRoute }) {
  const worker = findWorker(route.id);
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    // The list may be long in coming, and this page needs one of it.
    if (!worker && !isComplete.value) {
      api.get(route.id).then(putWorkerOnce, (cause) => setError(asApiError(cause)));
    }
  }, [route.id]);
  if (worker) {
    return <Found worker={worker} route={route} />;
  }
  if (error && error.status !== 404) {
    return <ErrorNote what="The worker could not be read" error={error} />;
  }
  return isComplete.value || error ? <MissingPage text="There is no such worker; it may have been deleted." /> : null;
}

function putWorkerOnce(worker: Worker): void {
  if (!findWorker(worker.id)) {
    putWorker(worker);
  }
}

function Found({ worker, route }: { readonly worker: Worker; readonly route: WorkerRoute }) {
  const [deleting, setDeleting] = useState(false);
  const status = statusOf(worker, now.value);
  const isExpiring = isExpiringSoon(worker, now.value);
  const reason = whyNotInvoke(worker, now.value);
  return (
    <>
      <PageHead
        title={worker.name}
        aside={
          <>
            <StatusBadge worker={worker} />
            <span class="page-expiry muted">
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
        <div class="page-note">
          <Note kind="bad" title="The worker could not be created">
            <p>{worker.errorMessage}</p>
          </Note>
        </div>
      )}
      {status === "expired" && (
        <div class="page-note">
          <Note kind="warn">{reason}</Note>
        </div>
      )}
      <Tabs
        label="Views of the worker"
        panel={PANEL}
        selected={route.tab}
        onSelect={(key) => replace(paths.worker(worker.id, key as WorkerTab))}
        tabs={[
          { key: "invoke", content: "Invoke" },
          { key: "source", content: "Source" },
          { key: "api", content: "curl" },
        ]}
      />
      <div class="worker-panel" role="tabpanel" id={PANEL} aria-labelledby={tabId(PANEL, route.tab)}>
        {route.tab === "invoke" && <InvokePanel key={worker.id} worker={worker} />}
        {route.tab === "source" && <SourcePanel key={worker.id} worker={worker} line={route.line} column={route.column} />}
        {route.tab === "api" && <ApiPanel worker={worker} />}
      </div>
      {deleting && <DeleteDialog worker={worker} onClose={() => setDeleting(false)} onDeleted={() => navigate(paths.workers)} />}
    </>
  );
}
