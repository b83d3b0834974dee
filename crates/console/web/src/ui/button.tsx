/// Buttons, and links that look like them.

import type { IconNode } from "lucide";
import type { ComponentChildren } from "preact";

import { classes } from "../lib/classes.ts";
import * as styles from "./button.module.css";
import { Icon } from "./icon.tsx";

interface Look {
  readonly kind?: "primary" | "danger" | "danger-line" | "quiet";
  readonly small?: boolean;
  readonly icon?: IconNode;
  readonly children?: ComponentChildren;
}

interface ButtonProps extends Look {
  readonly type?: "button" | "submit";
  readonly onClick?: (event: MouseEvent) => void;
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  /** The name, where the button shows an icon only. */
  readonly label?: string;
  readonly title?: string;
  readonly describedBy?: string | undefined;
  readonly autofocus?: boolean;
}

export function Button(props: ButtonProps) {
  const { type = "button", onClick, disabled = false, pressed, label, title, describedBy, icon, children } = props;
  return (
    <button
      type={type}
      class={looks(props)}
      data-kind={props.kind}
      onClick={onClick}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={label}
      aria-describedby={describedBy}
      title={title ?? label}
      autofocus={props.autofocus}
    >
      {icon && <Icon of={icon} />}
      {children}
    </button>
  );
}

export function LinkButton({ href, label, ...look }: Look & { readonly href: string; readonly label?: string }) {
  return (
    <a class={looks(look)} data-kind={look.kind} href={href} aria-label={label}>
      {look.icon && <Icon of={look.icon} />}
      {look.children}
    </a>
  );
}

function looks({ small, icon, children }: Look): string {
  const isBare = icon !== undefined && children === undefined;
  return classes(styles.button, small && styles.small, isBare && styles.iconOnly);
}
