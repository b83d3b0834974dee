/// The messages, in the corner.

import { Check, CircleAlert, X } from "lucide";

import { classes } from "../../lib/classes.ts";
import { Button } from "../button.tsx";
import { Icon } from "../icon.tsx";
import { toasts } from "./toasts.ts";
import styles from "./toasts-view.module.css";

export function ToastsView() {
  return (
    <div class={styles.toasts} role="status">
      {toasts.shown.value.map((toast) => (
        <div key={toast.id} class={classes(styles.toast, styles[toast.kind])}>
          <Icon of={toast.kind === "good" ? Check : CircleAlert} />
          <span>{toast.text}</span>
          <Button small kind="quiet" icon={X} label="Dismiss" onClick={() => toasts.dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
