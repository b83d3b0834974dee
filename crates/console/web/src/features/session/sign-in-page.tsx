/// Where the server wants its admin token.

import { LogIn } from "lucide";
import { useId, useState } from "preact/hooks";

import { feed, session } from "../../data/state.ts";
import { productName } from "../../lib/branding.ts";
import { classes } from "../../lib/classes.ts";
import { Button } from "../../ui/button.tsx";
import * as form from "../../ui/form.module.css";
import * as layout from "../../ui/layout.module.css";
import { Note } from "../../ui/note.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import * as text from "../../ui/text.module.css";
import * as styles from "./sign-in-page.module.css";

export function SignInPage({ reason }: { readonly reason: string }) {
  const [secret, setSecret] = useState("");
  const [remember, setRemember] = useState(false);
  const input = useId();
  return (
    <div class={styles.page}>
      <PageHead title={`Sign in to ${productName}`} />
      <form
        class={classes(layout.card, layout.padded, layout.stack)}
        onSubmit={(event) => {
          event.preventDefault();
          // What is copied from a terminal often has a space or a line's end about it.
          session.signIn(secret.trim(), remember);
          feed.follow();
        }}
      >
        {reason && (
          <Note kind="bad" alert>
            {reason}
          </Note>
        )}
        <div class={form.field}>
          <label for={input}>Admin token</label>
          <input
            id={input}
            class={form.input}
            type="password"
            autocomplete="current-password"
            value={secret}
            onInput={(event) => setSecret(event.currentTarget.value)}
          />
          <span class={text.hint}>
            The one that the server was started with: <code>WORKERS_ADMIN_TOKEN</code>.
          </span>
        </div>
        <label class={form.check}>
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
