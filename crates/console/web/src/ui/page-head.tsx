/// What every page has: a title in the window, and a heading that takes the focus when the page opens.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { productName } from "../lib/branding.ts";
import { classes } from "../lib/classes.ts";
import * as layout from "./layout.module.css";
import * as styles from "./page-head.module.css";

/** The first page that opens leaves the focus where the browser puts it. */
let isFirst = true;

interface Props {
  readonly title: string;
  /** Beside the heading. */
  readonly aside?: ComponentChildren;
  readonly actions?: ComponentChildren;
}

export function PageHead({ title, aside, actions }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${productName}`;
  }, [title]);
  useEffect(() => {
    if (!isFirst) {
      window.scrollTo(0, 0);
      heading.current?.focus({ preventScroll: true });
    }
    isFirst = false;
  }, []);
  return (
    <div class={styles.head}>
      <div class={classes(styles.grow, layout.row)}>
        <h1 ref={heading} tabindex={-1}>
          {title}
        </h1>
        {aside}
      </div>
      {actions && <div class={layout.row}>{actions}</div>}
    </div>
  );
}
