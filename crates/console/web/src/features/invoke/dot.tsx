/// How an invocation goes, as a dot.

import type { Outcome } from "../../data/invocations/invocation.ts";
import { classes } from "../../lib/classes.ts";
import styles from "./dot.module.css";

export function Dot({ state }: { readonly state: "running" | Outcome["kind"] }) {
  return <span class={classes(styles.dot, styles[state])} />;
}
