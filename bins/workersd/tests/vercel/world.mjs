// Shared by the tests of the SDK: how it reaches the server and with which credentials, and a sandbox for a test.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";

import { APIError, Sandbox } from "@vercel/sandbox";

export const DAY = 86_400_000;

/** The arguments that every static call of the SDK gets. The test's environment chooses how it reaches the server. */
export const connection = { ...credentials(), ...(process.env.VERCEL_TEST_POINT === "fetch" && { fetch: throughTheOption() }) };

function credentials() {
  if (process.env.VERCEL_OIDC_TOKEN) return {};
  return { token: "secret", teamId: "team_ours", projectId: "prj_ours" };
}

/** The SDK's option `fetch`. Requests that bypass it find no network. */
function throughTheOption() {
  const hosted = "https://vercel.com/api/";
  const send = globalThis.fetch;
  globalThis.fetch = (target) => assert.fail(`a request went past the option: ${target.url ?? target}`);
  return (url, options) => {
    assert.ok(url.startsWith(hosted), url);
    return send(`${process.env.SANDBOX_BASE_URL}/${url.slice(hosted.length)}`, options);
  };
}

export const unique = (word = "test") => `${word}-${randomBytes(6).toString("hex")}`;

/** Creates a sandbox that is removed when its test ends. */
export async function create(t, options = {}) {
  const sandbox = await Sandbox.create({ ...connection, name: unique(), persistent: false, resources: { vcpus: 1 }, ...options });
  return deletedAfter(t, sandbox);
}

export function deletedAfter(t, sandbox) {
  t.after(() => sandbox.delete().catch((error) => assert.equal(error.response?.status, 404, String(error))));
  return sandbox;
}

export const sh = (where, script, options = {}) => where.runCommand({ cmd: "sh", args: ["-c", script], ...options });

/** Runs a script that must succeed, and returns its output. */
export async function output(where, script, options) {
  const command = await sh(where, script, options);
  assert.equal(command.exitCode, 0, await command.stderr());
  return command.stdout();
}

export async function contentOf(where, path) {
  const buffer = await where.readFileToBuffer({ path });
  return buffer?.toString() ?? null;
}

/** Returns a stream that passes on each piece that is written to it. */
export const listener = (heard) =>
  new Writable({
    write(piece, _encoding, done) {
      heard(piece.toString());
      done();
    },
  });

/** Waits until a running command has printed these words, and then stops reading. */
export async function heard(command, words) {
  let text = "";
  for await (const line of command.logs()) {
    text += line.data;
    if (text.includes(words)) return;
  }
  assert.fail(`the command ended without ${JSON.stringify(words)}; it printed ${JSON.stringify(text)}`);
}

/** Returns a check for `assert.rejects`: the server refused with this status and code. */
export const refusal = (status, code) => (error) => {
  assert.ok(error instanceof APIError, `${error?.stack}`);
  assert.equal(error.response.status, status, error.message);
  if (code) assert.equal(error.json?.error?.code, code, error.message);
  return true;
};
