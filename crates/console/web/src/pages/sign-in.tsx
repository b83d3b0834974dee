/// Where the server wants its admin token.

import { LogIn } from "lucide";
import { useId, useState } from "preact/hooks";

import { productName } from "../branding/branding.ts";
import { Button } from "../components/button.tsx";
import { Note } from "../components/notes.tsx";
import { signIn } from "../state/session.ts";
import { follow } from "../state/workers.ts";
import { PageHead } from "./page.tsx";

export function SignInPage({ reason }: { readonly reason: string }) {
  const [secret, setSecret] = useState("");
  const [remember, setRemember] = useState(false);
  const input = useId();
  return (
    <div class="sign-in">
      <PageHead title={`Sign in to ${productName}`} />
      <form
        class="card padded stack"
        onSubmit={(event) => {
          event.preventDefault();
          // What is copied from a terminal often has a space or a line's end about it.
          signIn(secret.trim(), remember);
          follow();
        }}
      >
        {reason && (
          <Note kind="bad" alert>
            {reason}
          </Note>
        )}
        <div class="field">
          <label for={input}>Admin token</label>
          <input
            id={input}
            class="input"
            type="password"
            autocomplete="current-password"
            value={secret}
            onInput={(event) => setSecret(event.currentTarget.value)}
          />
          <span class="hint">
            The one that the server was started with: <code>WORKERS_ADMIN_TOKEN</code>.
          </span>
        </div>
        <label class="check">
          <input type="checkbox" checked={remember} onChange={(event) => setRemember(event.currentTarget.checked)} />
          Stay signed in on this device
        </label>
        <Button type="submit" kind="primary" icon={LogIn} disabled={secret.trim() === ""}>
          Sign in
        </Button>
      </form>
    </div>
  );
}
