/// What the console knows: every model, made once, with the browser's own storage, network, clock and address.

import { timers } from "../lib/timers.ts";
import { Api } from "./api/client.ts";
import { ServerClock } from "./api/clock.ts";
import { Payloads } from "./browser/payloads.ts";
import { Router } from "./browser/route.ts";
import { Store } from "./browser/store.ts";
import { rememberedTheme } from "./browser/theme.ts";
import { Invocations } from "./invocations/invocations.ts";
import { Session } from "./session/session.ts";
import { WorkerFeed } from "./workers/feed.ts";
import { Now } from "./workers/now.ts";
import { Workers } from "./workers/workers.ts";

const prefix = `workers:${location.pathname}:`;

/** Keeps things until they are removed. */
export const localStore = new Store(() => localStorage, prefix);

/** Keeps things until the tab is closed. */
export const sessionStore = new Store(() => sessionStorage, prefix);

export const router = new Router(window);

export const theme = rememberedTheme(localStore, (chosen) => {
  const { dataset } = document.documentElement;
  if (chosen === "system") {
    delete dataset["theme"];
  } else {
    dataset["theme"] = chosen;
  }
});

export const payloads = new Payloads(localStore);

export const session = new Session({ localStore, sessionStore, payloads });

const clock = new ServerClock();

export const api = new Api({
  fetch: (path, init) => fetch(path, init),
  clock,
  token: () => session.token.value,
  onRefused: (message) => session.refuse(message),
});

export const now = new Now(clock, timers, document);

export const workers = new Workers(() => now.tick());

export const feed = new WorkerFeed({
  api,
  workers,
  timers,
  isRefused: () => session.refused.value !== null,
  isHidden: () => document.hidden,
  onOnline: (then) => {
    window.addEventListener("online", then);
    return () => window.removeEventListener("online", then);
  },
});

export const invocations = new Invocations({ api, timers, elapsed: () => performance.now() });
