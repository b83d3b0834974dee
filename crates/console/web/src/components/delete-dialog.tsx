/// Delete asks for the worker's name.

import { useId, useState } from "preact/hooks";

import { api } from "../api/client.ts";
import { type ApiError, asApiError } from "../api/error.ts";
import type { Worker } from "../api/types.ts";
import { commands } from "../curl.ts";
import { closeAll } from "../state/invocations.ts";
import { forgetPayloads } from "../state/payloads.ts";
import { say } from "../state/toasts.ts";
import { dropWorker } from "../state/workers.ts";
import { Button } from "./button.tsx";
import { Curl } from "./curl.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorNote } from "./notes.tsx";

interface Props {
  readonly worker: Worker;
  readonly onClose: () => void;
  readonly onDeleted?: () => void;
}

export function DeleteDialog({ worker, onClose, onDeleted }: Props) {
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const input = useId();
  // Browsers do not send spaces at the ends of what is typed with any certainty.
  const matches = typed.trim() === worker.name.trim();
  const remove = async () => {
    if (!matches || busy) {
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await api.remove(worker.id);
      closeAll(worker.id);
      forgetPayloads(worker.id);
      dropWorker(worker.id);
      say("good", `${worker.name} is deleted.`);
      onClose();
      onDeleted?.();
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Delete ${worker.name}?`} onClose={onClose} onSubmit={() => void remove()}>
      <p class="muted">
        Its code and its snapshot are deleted for good, and whoever calls it gets 404. Invocations that run go on to their end.
      </p>
      <div class="field">
        <label for={input}>
          Type <code>{worker.name}</code> to confirm
        </label>
        <input
          id={input}
          class="input"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
          autofocus
        />
      </div>
      {error && <ErrorNote what="The worker was not deleted" error={error} />}
      <Curl what="Delete" command={() => commands.remove(worker.id)} />
      <div class="actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="danger" disabled={!matches || busy}>
          {busy ? "Deleting…" : "Delete worker"}
        </Button>
      </div>
    </Dialog>
  );
}
