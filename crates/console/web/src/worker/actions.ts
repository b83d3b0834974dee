/// What can be done to a worker by click, and how it is told.

import { api } from "../api/client.ts";
import { asApiError } from "../api/error.ts";
import type { Worker } from "../api/types.ts";
import { count, daysLeft } from "../format.ts";
import { now } from "../state/now.ts";
import { say } from "../state/toasts.ts";
import { putWorker } from "../state/workers.ts";

/** Deploys the kept source again, under the same id. */
export async function redeploy(worker: Worker): Promise<void> {
  try {
    const ready = await api.redeploy(worker.id);
    putWorker(ready);
    const days = ready.snapshotExpiresAt ? daysLeft(Date.parse(ready.snapshotExpiresAt), now.value) : 0;
    say("good", `${ready.name} is ready again, for ${count(days, "day")}.`);
  } catch (error) {
    say("bad", `${worker.name} was not redeployed. ${asApiError(error).message}`);
  }
}
