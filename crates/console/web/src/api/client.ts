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
  const response = await request(path, init);
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw wasAborted(error) ? error : unreachable(error);
  }
}

export const workerPath = (id: string) => `api/workers/${encodeURIComponent(id)}`;

export const api = {
  list: (signal?: AbortSignal) => json<Worker[]>("api/workers", signal ? { signal } : {}),
  get: (id: string) => json<Worker>(workerPath(id)),
  deploy: (name: string, code: string) =>
    json<Worker>("api/workers", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name, code }),
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
