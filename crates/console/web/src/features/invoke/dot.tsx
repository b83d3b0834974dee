/// How an invocation goes, as a dot.

import type { Outcome } from "../../data/invocations/invocation.ts";
import * as styles from "./dot.module.css";

export function Dot({ state }: { readonly state: "running" | Outcome["kind"] }) {
  return <span class={styles.dot} data-state={state} />;
}
