/// The requests that the console makes. URLs are relative to the page.

import { signedOut, token } from "../state/session.ts";
import { noteServerTime } from "./clock.ts";
import { ApiError, fromResponse, unreachable, wasAborted } from "./error.ts";
import type { Limits, Worker } from "./types.ts";

/** Answers with the response if its status is good. Throws an `ApiError`, or the `AbortError` of the signal. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token.value) {
    headers.set("Authorization", `Bearer ${token.value}`);
  }
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, cache: "no-store" });
  } catch (error) {
    throw wasAborted(error) ? error : unreachable(error);
  }
  noteServerTime(response);
  if (response.ok) {
    return response;
  }
  const error = await fromResponse(response);
  if (error.status === 401) {
    signedOut(error.message);
  }
  throw error;
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return read<T>(await request(path, init));
}

async function read<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw wasAborted(error) ? error : unreachable(error);
  }
}

/** A list, page after page, each as soon as it is there. */
async function* pages<T>(path: string, init?: RequestInit): AsyncGenerator<readonly T[]> {
  for (let next: string | undefined = path; next; ) {
    const response: Response = await request(next, init);
    yield await read<readonly T[]>(response);
    const link = /<([^>]*)>;\s*rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
    // Relative to what was asked, which a proxy may have put below a path.
    next = link && new URL(link, response.url).href;
  }
}

export const workerPath = (id: string) => `api/workers/${encodeURIComponent(id)}`;

/** What is deployed. */
export interface Deploy {
  readonly name: string;
  readonly code: string;
  /** Whether decorators are those of TypeScript's option `experimentalDecorators`; else the code decides. */
  readonly experimentalDecorators?: boolean;
}

export const deployBody = ({ name, code, experimentalDecorators }: Deploy) =>
  JSON.stringify({ name, code, ...(experimentalDecorators && { compilerOptions: { experimentalDecorators } }) });

export const api = {
  list: (signal: AbortSignal) => pages<Worker>("api/workers", { signal }),
  get: (id: string) => json<Worker>(workerPath(id)),
  deploy: (what: Deploy) =>
    json<Worker>("api/workers", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: deployBody(what),
    }),
  redeploy: (id: string) => json<Worker>(`${workerPath(id)}/redeploy`, { method: "POST" }),
  remove: (id: string) => json<unknown>(workerPath(id), { method: "DELETE" }),
  limits: () => json<Limits>("api/limits"),
  source: async (id: string) => {
    const response = await request(`${workerPath(id)}/source`);
    try {
      return await response.text();
    } catch (error) {
      throw unreachable(error);
    }
  },
};

export { ApiError };
