/// A name or a code, in a frame of its own.

import type { ComponentChildren, HTMLAttributes } from "preact";

import { classes } from "../lib/classes.ts";
import * as styles from "./chip.module.css";

interface Props extends Omit<HTMLAttributes<HTMLSpanElement>, "class"> {
  readonly class?: string | undefined;
  readonly children: ComponentChildren;
}

export function Chip({ class: name, children, ...attributes }: Props) {
  return (
    <span class={classes(styles.chip, name)} {...attributes}>
      {children}
    </span>
  );
}
