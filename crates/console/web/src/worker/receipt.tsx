/// What an invocation took: a bar of its phases, processor time, memory.

import type { Receipt, Timings } from "../api/types.ts";
import { bytes, duration } from "../format.ts";

const PHASES: readonly (readonly [keyof Timings, string])[] = [
  ["queue", "Queue"],
  ["sandbox", "Sandbox"],
  ["load", "Load"],
  ["run", "Run"],
];

export function ReceiptView({ receipt }: { readonly receipt: Receipt }) {
  const { timings, cpuMs, maxMemoryBytes, invocationId } = receipt;
  if (!timings) {
    return null;
  }
  const total = PHASES.reduce((sum, [key]) => sum + timings[key], 0);
  return (
    <div class="receipt">
      <div class="phases" aria-hidden="true">
        {PHASES.map(([key]) => (
          <span key={key} class={`phase ${key}`} style={{ flexGrow: total > 0 ? timings[key] / total : 0 }} />
        ))}
      </div>
      <dl class="legend" aria-label="Phases">
        {PHASES.map(([key, title]) => (
          <div key={key}>
            <dt>
              <span class={`swatch ${key}`} />
              {title}
            </dt>
            <dd>{duration(timings[key])}</dd>
          </div>
        ))}
        {cpuMs !== undefined && (
          <div>
            <dt>Processor</dt>
            <dd>{duration(cpuMs)}</dd>
          </div>
        )}
        {maxMemoryBytes !== undefined && (
          <div>
            <dt>Memory</dt>
            <dd>{bytes(maxMemoryBytes)}</dd>
          </div>
        )}
        {invocationId && (
          <div class="invocation-id">
            <dt>Invocation</dt>
            <dd class="mono">{invocationId}</dd>
          </div>
        )}
      </dl>
    </div>
  );
}
