/// Copies text, and says so.

import { Check, Copy } from "lucide";
import { useEffect, useState } from "preact/hooks";

import { Button } from "./button.tsx";
import * as styles from "./text.module.css";
import { showToast } from "./toasts.ts";

const SHOWN_MS = 1_600;

interface Props {
  readonly text: () => string;
  /** What is copied, as `the result`. */
  readonly what: string;
  /** Beside the icon. */
  readonly caption?: string;
}

export function CopyButton({ text, what, caption }: Props) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (copied) {
      const timer = setTimeout(() => setCopied(false), SHOWN_MS);
      return () => clearTimeout(timer);
    }
  }, [copied]);
  const label = copied ? "Copied" : `Copy ${what}`;
  return (
    <Button kind="quiet" small icon={copied ? Check : Copy} label={label} onClick={() => void copy(text()).then(setCopied)}>
      {caption}
    </Button>
  );
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** The clipboard is for secure contexts only, which a server in the local network without TLS is not. */
function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = styles.hidden;
  // In a modal dialog everything outside of it is inert.
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) {
    showToast("bad", "The browser does not let this page copy.");
  }
  return copied;
}
