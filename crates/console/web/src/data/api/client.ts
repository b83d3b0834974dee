/// The requests that the console makes. URLs are relative to the page.

import type { ServerClock } from "./clock.ts";
import { fromResponse, unreachable, wasAborted } from "./error.ts";
import type { Deploy, Worker } from "./types.ts";

export interface ApiOptions {
  readonly fetch: (path: string, init: RequestInit) => Promise<Response>;
  readonly clock: ServerClock;
  /** The admin token; empty if there is none. */
  readonly token: () => string;
  /** Called with the server's sentence when it does not take the token. */
  readonly onRefused: (message: string) => void;
}

export const workerPath = (id: string) => `api/workers/${encodeURIComponent(id)}`;

export const deployBody = ({ name, code, compilerOptions }: Deploy) =>
  JSON.stringify({ name, code, ...(compilerOptions && { compilerOptions }) });

export class Api {
  readonly #options: ApiOptions;

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** Returns the response if its status is good. Throws an `ApiError`, or the `AbortError` of the signal. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const { fetch, clock, token, onRefused } = this.#options;
    const headers = new Headers(init.headers);
    if (token()) {
      headers.set("Authorization", `Bearer ${token()}`);
    }
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers, cache: "no-store" });
    } catch (error) {
      throw wasAborted(error) ? error : unreachable(error);
    }
    clock.learn(response);
    if (response.ok) {
      return response;
    }
    const error = await fromResponse(response);
    if (error.status === 401) {
      onRefused(error.message);
    }
    throw error;
  }

  /** All workers, page after page, each as soon as it is there. */
  async *list(signal: AbortSignal): AsyncGenerator<readonly Worker[]> {
    for (let next: string | undefined = "api/workers"; next; ) {
      const response: Response = await this.request(next, { signal });
      yield await read<readonly Worker[]>(response);
      const link = /<([^>]*)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
      // Relative to what was requested, which a proxy may have put below a path.
      next = link && new URL(link, response.url).href;
    }
  }

  /** The changes of workers, as a stream of events. */
  events(signal: AbortSignal): Promise<Response> {
    return this.request("api/workers/events", { signal, headers: { Accept: "text/event-stream" } });
  }

  get(id: string): Promise<Worker> {
    return this.#json(workerPath(id));
  }

  deploy(what: Deploy): Promise<Worker> {
    return this.#json("api/workers", { method: "POST", headers: { "Content-Type": "application/json" }, body: deployBody(what) });
  }

  redeploy(id: string): Promise<Worker> {
    return this.#json(`${workerPath(id)}/redeploy`, { method: "POST" });
  }

  remove(id: string): Promise<unknown> {
    return this.#json(workerPath(id), { method: "DELETE" });
  }

  async source(id: string): Promise<string> {
    const response = await this.request(`${workerPath(id)}/source`);
    try {
      return await response.text();
    } catch (error) {
      throw unreachable(error);
    }
  }

  /** Runs a function, and streams what happens. */
  invoke(id: string, name: string, payload: string, signal: AbortSignal): Promise<Response> {
    return this.request(`${workerPath(id)}/invoke/${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { Accept: "text/event-stream", "Content-Type": "application/json" },
      body: payload,
      signal,
    });
  }

  async #json<T>(path: string, init?: RequestInit): Promise<T> {
    return read<T>(await this.request(path, init));
  }
}

async function read<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw wasAborted(error) ? error : unreachable(error);
  }
}
