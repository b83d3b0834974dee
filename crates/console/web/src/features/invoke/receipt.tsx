/// What an invocation took: a bar of its phases, processor time, memory, how new its sandbox was.

import type { Receipt, Timings } from "../../data/api/types.ts";
import { bytes, duration } from "../../lib/format.ts";
import * as text from "../../ui/text.module.css";
import * as styles from "./receipt.module.css";

const PHASES: readonly (readonly [keyof Timings, string])[] = [
  ["queue", "Queue"],
  ["sandbox", "Sandbox"],
  ["load", "Load"],
  ["run", "Run"],
];

export function ReceiptView({ receipt }: { readonly receipt: Receipt }) {
  const { timings, cpuMs, maxMemoryBytes, isolation, reused, invocationId } = receipt;
  if (!timings) {
    return null;
  }
  const total = PHASES.reduce((sum, [key]) => sum + timings[key], 0);
  return (
    <div class={styles.receipt}>
      <div class={styles.phases} aria-hidden="true">
        {PHASES.map(([key]) => (
          <span key={key} class={styles.phase} data-phase={key} style={{ flexGrow: total > 0 ? timings[key] / total : 0 }} />
        ))}
      </div>
      <dl class={styles.legend} aria-label="Phases">
        {PHASES.map(([key, title]) => (
          <div key={key}>
            <dt>
              <span class={styles.swatch} data-phase={key} />
              {title}
            </dt>
            <dd>{duration(timings[key])}</dd>
          </div>
        ))}
        {typeof cpuMs === "number" && (
          <div>
            <dt>Processor</dt>
            <dd>{duration(cpuMs)}</dd>
          </div>
        )}
        {typeof maxMemoryBytes === "number" && (
          <div>
            <dt>Memory</dt>
            <dd>{bytes(maxMemoryBytes)}</dd>
          </div>
        )}
        {isolation && (
          <div>
            <dt>Isolation</dt>
            <dd>{isolation === "sandbox" ? "new sandbox" : reused ? "kept sandbox" : "kept sandbox, first use"}</dd>
          </div>
        )}
        {invocationId && (
          <div class={styles.id}>
            <dt>Invocation</dt>
            <dd class={text.mono}>{invocationId}</dd>
          </div>
        )}
      </dl>
    </div>
  );
}
