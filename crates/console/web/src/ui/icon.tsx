/// Lucide's icons, drawn inline: they take the text's colour. They say nothing that the text beside them does not.

import type { IconNode } from "lucide";
import { h } from "preact";

import { classes } from "../lib/classes.ts";
import * as styles from "./icon.module.css";

export function Icon({ of, class: name }: { readonly of: IconNode; readonly class?: string | undefined }) {
  return (
    <svg
      class={classes(styles.icon, name)}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {of.map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}
