/// The frame around every page: the vendor's name, where one can go, whether the server is there.

import { Check, CircleAlert, LogOut, Monitor, Moon, Sun, WifiOff, X } from "lucide";
import { useEffect } from "preact/hooks";

import { productName } from "./branding/branding.ts";
import { Button } from "./components/button.tsx";
import { Icon } from "./components/icon.tsx";
import { DeployPage } from "./pages/deploy.tsx";
import { GetStarted } from "./pages/get-started.tsx";
import { MissingPage } from "./pages/missing.tsx";
import { SignInPage } from "./pages/sign-in.tsx";
import { WorkerPage } from "./pages/worker.tsx";
import { WorkersPage } from "./pages/workers.tsx";
import { paths, type Route, route } from "./router.ts";
import { refused, signOut, token } from "./state/session.ts";
import { type Theme, theme } from "./state/theme.ts";
import { dismiss, toasts } from "./state/toasts.ts";
import { connection, follow, unfollow } from "./state/workers.ts";

export function App() {
  const here = route.value;
  useEffect(follow, []);
  const isWide = here.page === "worker" && refused.value === null;
  return (
    <div class="shell">
      <a class="skip" href={location.hash || "#/"} onClick={skip}>
        Skip to the content
      </a>
      <Top here={here} />
      {connection.value === "lost" && refused.value === null && (
        <div class="connection" role="status">
          <Icon of={WifiOff} />
          The connection to the server is lost. Trying again…
        </div>
      )}
      <main id="content" class={isWide ? "main wide" : "main"} tabindex={-1}>
        {refused.value === null ? <Page here={here} /> : <SignInPage reason={refused.value} />}
      </main>
      <Toasts />
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
      return <GetStarted />;
    case "deploy":
      return <DeployPage key={here.from} from={here.from} />;
    case "worker":
      return <WorkerPage key={here.id} route={here} />;
    case "missing":
      return <MissingPage />;
  }
}

function Top({ here }: { readonly here: Route }) {
  const isWorkers = here.page === "workers" || here.page === "worker";
  return (
    <header class="top">
      <a class="brand" href={paths.workers} aria-label={`${productName}, home`}>
        <img src="./branding/logo" alt="" width="26" height="26" />
        <span>{productName}</span>
      </a>
      <nav aria-label="Main">
        {refused.value === null && (
          <>
            <a href={paths.workers} aria-current={isWorkers ? "page" : undefined}>
              Workers
            </a>
            <a href={paths.deploy()} aria-current={here.page === "deploy" ? "page" : undefined}>
              Deploy
            </a>
            <a href={paths.start} aria-current={here.page === "start" ? "page" : undefined}>
              <span class="wide-only">Get&nbsp;started</span>
              <span class="narrow-only">Start</span>
            </a>
          </>
        )}
      </nav>
      <div class="top-tools">
        <ThemeButton />
        {token.value && (
          <Button
            kind="quiet"
            icon={LogOut}
            label="Sign out"
            onClick={() => {
              unfollow();
              signOut();
            }}
          />
        )}
      </div>
    </header>
  );
}

const THEMES: Readonly<Record<Theme, { readonly icon: typeof Sun; readonly next: Theme; readonly label: string }>> = {
  system: { icon: Monitor, next: "light", label: "Theme: as the system" },
  light: { icon: Sun, next: "dark", label: "Theme: light" },
  dark: { icon: Moon, next: "system", label: "Theme: dark" },
};

function ThemeButton() {
  const { icon, next, label } = THEMES[theme.value];
  return (
    <Button
      kind="quiet"
      icon={icon}
      label={label}
      onClick={() => {
        theme.value = next;
      }}
    />
  );
}

function Toasts() {
  return (
    <div class="toasts" role="status">
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.kind}`}>
          <Icon of={toast.kind === "good" ? Check : CircleAlert} />
          <span>{toast.text}</span>
          <Button small kind="quiet" icon={X} label="Dismiss" onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
