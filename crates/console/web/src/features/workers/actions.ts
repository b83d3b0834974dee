/// What can be done to a worker by one click, and the message about it.

import { asApiError } from "../../data/api/error.ts";
import type { Worker } from "../../data/api/types.ts";
import { api, now, workers } from "../../data/state.ts";
import { count, daysLeft } from "../../lib/format.ts";
import { showToast } from "../../ui/toasts.ts";

/** Deploys the kept source again, under the same id. */
export async function redeploy(worker: Worker): Promise<void> {
  try {
    const ready = await api.redeploy(worker.id);
    workers.put(ready);
    const days = ready.snapshotExpiresAt ? daysLeft(Date.parse(ready.snapshotExpiresAt), now.time.value) : 0;
    showToast("good", `${ready.name} is ready again, for ${count(days, "day")}.`);
  } catch (error) {
    showToast("bad", `${worker.name} was not redeployed. ${asApiError(error).message}`);
  }
}
