/// The vendor's name, where one can go, the theme, and the way out.

import { LogOut, Monitor, Moon, Sun } from "lucide";

import { paths, type Route } from "../data/browser/route.ts";
import type { Theme } from "../data/browser/theme.ts";
import { feed, session, theme } from "../data/state.ts";
import { productName } from "../lib/branding.ts";
import { Button } from "../ui/button.tsx";
import * as styles from "./header.module.css";

export function Header({ here }: { readonly here: Route }) {
  const isWorkers = here.page === "workers" || here.page === "worker";
  return (
    <header class={styles.top}>
      <a class={styles.brand} href={paths.workers} aria-label={`${productName}, home`}>
        <img src="./branding/logo" alt="" width="26" height="26" />
        <span>{productName}</span>
      </a>
      <nav aria-label="Main">
        {session.refused.value === null && (
          <>
            <a href={paths.workers} aria-current={isWorkers ? "page" : undefined}>
              Workers
            </a>
            <a href={paths.deploy()} aria-current={here.page === "deploy" ? "page" : undefined}>
              Deploy
            </a>
            <a href={paths.start} aria-current={here.page === "start" ? "page" : undefined}>
              <span class={styles.wideOnly}>Get&nbsp;started</span>
              <span class={styles.narrowOnly}>Start</span>
            </a>
          </>
        )}
      </nav>
      <div class={styles.tools}>
        <ThemeButton />
        {session.token.value && (
          <Button
            kind="quiet"
            icon={LogOut}
            label="Sign out"
            onClick={() => {
              feed.unfollow();
              session.signOut();
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
