/// Redeploy, by one click.

import { RotateCw } from "lucide";
import { useState } from "preact/hooks";

import type { Worker } from "../../data/api/types.ts";
import { Button } from "../../ui/button.tsx";
import * as text from "../../ui/text.module.css";
import { redeploy } from "./actions.ts";

export function RedeployButton({ worker, small = false }: { readonly worker: Worker; readonly small?: boolean }) {
  const [busy, setBusy] = useState(false);
  const onClick = () => {
    setBusy(true);
    void redeploy(worker).finally(() => setBusy(false));
  };
  return (
    <Button icon={RotateCw} small={small} disabled={busy} onClick={onClick} title={`Deploy ${worker.name} again from its kept source`}>
      {busy ? "Redeploying…" : "Redeploy"}
      <span class={text.hidden}> {worker.name}</span>
    </Button>
  );
}
