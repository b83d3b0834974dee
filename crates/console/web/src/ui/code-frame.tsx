/// A piece of code or data that can be scrolled.

import * as styles from "./code-frame.module.css";

export function CodeFrame({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <pre class={styles.frame} tabindex={0} role="region" aria-label={label}>
      {text}
    </pre>
  );
}
