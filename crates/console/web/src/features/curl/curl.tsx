/// The curl command of what can be done here by click.

import { ChevronRight, Terminal } from "lucide";
import { useState } from "preact/hooks";

import { session } from "../../data/state.ts";
import { classes } from "../../lib/classes.ts";
import { CopyButton } from "../../ui/copy.tsx";
import { Icon } from "../../ui/icon.tsx";
import * as text from "../../ui/text.module.css";
import * as styles from "./curl.module.css";

/** A command that is always shown. */
export function Command({ command, label }: { readonly command: string; readonly label: string }) {
  return (
    <div class={classes(styles.command, styles.alone)}>
      <pre tabindex={0} role="region" aria-label={label}>
        {command}
      </pre>
      <CopyButton what={label} text={() => command} />
    </div>
  );
}

interface Props {
  /** What it does, as `Deploy`. */
  readonly what: string;
  /** Made when it is looked at: the code of a worker may be long. */
  readonly command: () => string;
}

/** A command behind a line that opens. */
export function Curl({ what, command }: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details class={styles.curl} open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon of={ChevronRight} class={styles.chevron} />
        <Icon of={Terminal} />
        {what} with curl
      </summary>
      {open && (
        <div class={styles.command}>
          <pre tabindex={0} role="region" aria-label={`curl command: ${what}`}>
            {shortened(command())}
          </pre>
          <CopyButton what={`curl command: ${what}`} text={command} />
          {session.token.value && <TokenHint />}
        </div>
      )}
    </details>
  );
}

const LONGEST_SHOWN = 6_000;

function shortened(command: string): string {
  return command.length > LONGEST_SHOWN ? `${command.slice(0, LONGEST_SHOWN)}… (copy it to have all)` : command;
}

export function TokenHint() {
  return (
    <p class={classes(text.hint, styles.tokenHint)}>
      Set the token first: <code>export TOKEN=…</code>
    </p>
  );
}
