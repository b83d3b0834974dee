/// Delete asks for the worker's name.

import { useId, useState } from "preact/hooks";

import { type ApiError, asApiError } from "../../data/api/error.ts";
import type { Worker } from "../../data/api/types.ts";
import { api, invocations, payloads, workers } from "../../data/state.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import * as form from "../../ui/form.module.css";
import { ErrorNote } from "../../ui/note.tsx";
import * as text from "../../ui/text.module.css";
import { showToast } from "../../ui/toasts.ts";
import { commands } from "../curl/commands.ts";
import { Curl } from "../curl/curl.tsx";

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
      invocations.closeAll(worker.id);
      payloads.forget(worker.id);
      workers.drop(worker.id);
      showToast("good", `${worker.name} is deleted.`);
      onClose();
      onDeleted?.();
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Delete ${worker.name}?`}
      onClose={onClose}
      onSubmit={() => void remove()}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind="danger" disabled={!matches || busy}>
            {busy ? "Deleting…" : "Delete worker"}
          </Button>
        </>
      }
    >
      <p class={text.muted}>
        Its code and its snapshot are deleted for good, and whoever calls it gets 404. Invocations that run go on to their end.
      </p>
      <div class={form.field}>
        <label for={input}>
          Type <code>{worker.name}</code> to confirm
        </label>
        <input
          id={input}
          class={form.input}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
          autofocus
        />
      </div>
      {error && <ErrorNote what="The worker was not deleted" error={error} />}
      <Curl what="Delete" command={() => commands.remove(worker.id)} />
    </Dialog>
  );
}
