/// Redeploy, by one click.

import { RotateCw } from "lucide";
import { useState } from "preact/hooks";

import type { Worker } from "../api/types.ts";
import { redeploy } from "../worker/actions.ts";
import { Button } from "./button.tsx";

export function RedeployButton({ worker, small = false }: { readonly worker: Worker; readonly small?: boolean }) {
  const [busy, setBusy] = useState(false);
  const onClick = () => {
    setBusy(true);
    void redeploy(worker).finally(() => setBusy(false));
  };
  return (
    <Button icon={RotateCw} small={small} disabled={busy} onClick={onClick} title={`Deploy ${worker.name} again from its kept source`}>
      {busy ? "Redeploying…" : "Redeploy"}
      <span class="visually-hidden"> {worker.name}</span>
    </Button>
  );
}
