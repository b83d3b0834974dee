/// A word about a state.

import type { ComponentChildren, HTMLAttributes } from "preact";

import * as styles from "./badge.module.css";

interface Props extends Omit<HTMLAttributes<HTMLSpanElement>, "class"> {
  readonly kind?: "good" | "warn" | "bad" | undefined;
  /** Whether a dot stands before the word. */
  readonly dot?: boolean;
  readonly children: ComponentChildren;
}

export function Badge({ kind, dot, children, ...attributes }: Props) {
  return (
    <span class={styles.badge} data-kind={kind} {...attributes}>
      {dot && <span class={styles.dot} />}
      {children}
    </span>
  );
}
