/// The curl command of what can be done here by click.

import { ChevronRight, Terminal } from "lucide";
import { useState } from "preact/hooks";

import { token } from "../state/session.ts";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icon.tsx";

/** A command that is always shown. */
export function Command({ command, label }: { readonly command: string; readonly label: string }) {
  return (
    <div class="command alone">
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
    <details class="curl" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Icon of={ChevronRight} class="chevron" />
        <Icon of={Terminal} />
        {what} with curl
      </summary>
      {open && (
        <div class="command">
          <pre tabindex={0} role="region" aria-label={`curl command: ${what}`}>
            {shortened(command())}
          </pre>
          <CopyButton what={`curl command: ${what}`} text={command} />
          {token.value && <TokenHint />}
        </div>
      )}
    </details>
  );
}

const LONGEST_SHOWN = 6_000;

function shortened(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}… (copy it to have all)` : text;
}

export function TokenHint() {
  return (
    <p class="hint token-hint">
      Set the token first: <code>export TOKEN=…</code>
    </p>
  );
}
