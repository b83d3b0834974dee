/// The same by command line: what every click does, as a curl command that can be pasted into a POSIX shell.

import { deployBody, workerPath } from "../../data/api/client.ts";
import type { Deploy } from "../../data/api/types.ts";
import { session } from "../../data/state.ts";

/** Where the page is, without its fragment: the API's URLs are below it. */
const base = () => new URL(".", location.href).href.split("#")[0] ?? "";

interface Options {
  readonly method?: "POST" | "DELETE";
  readonly headers?: readonly string[];
  readonly flags?: string;
  /** A JSON text. */
  readonly body?: string;
}

/** A command for the URL, which is relative to the page. */
export function curl(path: string, { method, headers = [], flags = "-sS", body }: Options = {}): string {
  const lines = [`curl ${flags} ${quote(base() + path)}`];
  if (method === "DELETE" || (method === "POST" && body === undefined)) {
    lines.push(`-X ${method}`);
  }
  if (session.token.value) {
    lines.push('-H "Authorization: Bearer $TOKEN"');
  }
  lines.push(...headers.map((header) => `-H ${quote(header)}`));
  if (body === undefined) {
    return lines.join(" \\\n  ");
  }
  // No line of a JSON text is a bare word, so the end of the text cannot be mistaken.
  lines.push("--data-binary @- <<'END'");
  return `${lines.join(" \\\n  ")}\n${body}\nEND`;
}

export const commands = {
  list: () => curl("api/workers"),
  get: (id: string) => curl(workerPath(id)),
  deploy: (what: Deploy) => curl("api/workers", { method: "POST", body: deployBody(what) }),
  redeploy: (id: string) => curl(`${workerPath(id)}/redeploy`, { method: "POST" }),
  remove: (id: string) => curl(workerPath(id), { method: "DELETE" }),
  source: (id: string) => curl(`${workerPath(id)}/source`),
  call: (id: string, name: string, payload: string) =>
    curl(`${workerPath(id)}/functions/${encodeURIComponent(name)}`, { method: "POST", body: payload }),
  watch: (id: string, name: string, payload: string) =>
    curl(`${workerPath(id)}/invoke/${encodeURIComponent(name)}`, {
      method: "POST",
      flags: "-sSN",
      headers: ["Accept: text/event-stream"],
      body: payload,
    }),
} as const;

export function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
