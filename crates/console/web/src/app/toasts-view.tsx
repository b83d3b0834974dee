/// The messages, in the corner.

import { Check, CircleAlert, X } from "lucide";

import { Button } from "../ui/button.tsx";
import { Icon } from "../ui/icon.tsx";
import { toasts } from "../ui/toasts.ts";
import * as styles from "./toasts-view.module.css";

export function ToastsView() {
  return (
    <div class={styles.toasts} role="status">
      {toasts.shown.value.map((toast) => (
        <div key={toast.id} class={styles.toast} data-kind={toast.kind}>
          <Icon of={toast.kind === "good" ? Check : CircleAlert} />
          <span>{toast.text}</span>
          <Button small kind="quiet" icon={X} label="Dismiss" onClick={() => toasts.dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
