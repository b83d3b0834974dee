/// The page that the console shows. It is in the URL's fragment, which no proxy and no path prefix can get wrong.

import { type Signal, signal } from "@preact/signals";

export type Route =
  | { readonly page: "workers" }
  | { readonly page: "start" }
  | { readonly page: "deploy"; readonly from: string | null }
  | { readonly page: "worker"; readonly id: string; readonly tab: WorkerTab; readonly line: number | null; readonly column: number | null }
  | { readonly page: "missing" };

export type WorkerTab = "invoke" | "source" | "api";

export const paths = {
  workers: "#/",
  start: "#/start",
  deploy: (from?: string) => (from ? `#/deploy?from=${encodeURIComponent(from)}` : "#/deploy"),
  worker: (id: string, tab: WorkerTab = "invoke") => `#/workers/${encodeURIComponent(id)}${tab === "invoke" ? "" : `/${tab}`}`,
  source: (id: string, line: number, column: number) => `${paths.worker(id, "source")}?line=${line}&column=${column}`,
} as const;

/** The part of the browser's window that has the URL. */
export interface Place {
  readonly location: Pick<Location, "hash" | "replace">;
  addEventListener(type: "hashchange", listener: () => void): void;
}

export class Router {
  readonly route: Signal<Route>;
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
    this.route = signal(parseRoute(place.location.hash));
    place.addEventListener("hashchange", () => {
      this.route.value = parseRoute(place.location.hash);
    });
  }

  navigate(path: string): void {
    this.#place.location.hash = path;
  }

  /** Goes there without a step in the history. */
  replace(path: string): void {
    this.#place.location.replace(path);
  }
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const parameters = new URLSearchParams(query);
  const [first, second, third] = path.split("/").filter(Boolean).map(decode);
  switch (first) {
    case undefined:
      return { page: "workers" };
    case "start":
      return { page: "start" };
    case "deploy":
      return { page: "deploy", from: parameters.get("from") };
    case "workers":
      if (second && (third === undefined || third === "source" || third === "api")) {
        const line = positive(parameters.get("line"));
        return { page: "worker", id: second, tab: third ?? "invoke", line, column: positive(parameters.get("column")) };
      }
      return second ? { page: "missing" } : { page: "workers" };
    default:
      return { page: "missing" };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function positive(text: string | null): number | null {
  const number = Number(text);
  return Number.isInteger(number) && number > 0 ? number : null;
}
