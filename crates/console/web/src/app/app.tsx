/// The frame around every page: the header, whether the server is there, the page itself, and what has just happened.

import { WifiOff } from "lucide";
import { useEffect } from "preact/hooks";

import type { Route } from "../data/browser/route.ts";
import { feed, router, session } from "../data/state.ts";
import { DeployPage } from "../features/deploy/deploy-page.tsx";
import { MissingPage } from "../features/missing/missing-page.tsx";
import { SignInPage } from "../features/session/sign-in-page.tsx";
import { StartPage } from "../features/start/start-page.tsx";
import { WorkerPage } from "../features/worker/worker-page.tsx";
import { WorkersPage } from "../features/workers/workers-page.tsx";
import { classes } from "../lib/classes.ts";
import { Icon } from "../ui/icon.tsx";
import * as styles from "./app.module.css";
import { Header } from "./header.tsx";
import { PageBoundary } from "./page-boundary.tsx";
import { ToastsView } from "./toasts-view.tsx";

export function App() {
  const here = router.route.value;
  const refused = session.refused.value;
  useEffect(() => feed.follow(), []);
  return (
    <div class={styles.shell}>
      <a class={styles.skip} href={location.hash || "#/"} onClick={skip}>
        Skip to the content
      </a>
      <Header here={here} />
      {feed.connection.value === "lost" && refused === null && (
        <div class={styles.connection} role="status">
          <Icon of={WifiOff} />
          The connection to the server is lost. Trying again…
        </div>
      )}
      <main id="content" class={classes(styles.main, here.page === "worker" && refused === null && styles.wide)} tabindex={-1}>
        <PageBoundary here={here}>{refused === null ? <Page here={here} /> : <SignInPage reason={refused} />}</PageBoundary>
      </main>
      <ToastsView />
    </div>
  );
}

/** The fragment is the route, so the browser cannot do it. */
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

function Page({ here }: { readonly here: Route }) {
  switch (here.page) {
    case "workers":
      return <WorkersPage />;
    case "start":
      return <StartPage />;
    case "deploy":
      return <DeployPage key={here.from} from={here.from} />;
    case "worker":
      return <WorkerPage key={here.id} route={here} />;
    case "missing":
      return <MissingPage />;
  }
}
