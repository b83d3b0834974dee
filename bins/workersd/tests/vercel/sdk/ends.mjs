// How sessions end, and what happens afterwards.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, contentOf, create, DAY, listener, output, refusal, sh } from "../world.mjs";

test("a stopped sandbox has stopped, however often it is told to", async (t) => {
  const sandbox = await create(t);
  const session = sandbox.currentSession();
  await sandbox.runCommand({ cmd: "sleep", args: ["1000"], detached: true });
  assert.equal((await sandbox.stop()).status, "stopped");
  assert.equal(sandbox.status, "stopped");
  assert.equal((await sandbox.stop()).status, "stopped");
  await assert.rejects(sh(session, "true"), refusal(410, "sandbox_stopped"));
  await assert.rejects(session.readFileToBuffer({ path: "any" }), refusal(410, "sandbox_stopped"));
  assert.equal((await Sandbox.get({ ...connection, name: sandbox.name })).status, "stopped");
});

test("a session that is over says what it has used, and its sandbox what all have", async (t) => {
  const sandbox = await create(t, { persistent: true });
  const used = () => [sandbox.activeCpuUsageMs, sandbox.networkTransfer];
  assert.deepEqual(used(), [undefined, undefined]);
  await output(sandbox, "node -e 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end);'");
  await sandbox.stop();
  const [first, transfer] = used();
  assert.ok(first >= 300 && first < 60_000, `${first} ms`);
  assert.deepEqual(transfer, { ingress: 0, egress: 0 });
  assert.deepEqual([sandbox.totalActiveCpuDurationMs, sandbox.totalIngressBytes, sandbox.totalEgressBytes], [first, 0, 0]);
  assert.equal(sandbox.image, "vercel/sandbox/universal");
  // This resumes the sandbox.
  await output(sandbox, "true");
  await sandbox.stop();
  const found = await Sandbox.get({ ...connection, name: sandbox.name });
  assert.equal(found.totalActiveCpuDurationMs, first + sandbox.activeCpuUsageMs);
});

test("what was not to be kept cannot be resumed", async (t) => {
  const sandbox = await create(t);
  await sandbox.stop();
  await assert.rejects(output(sandbox, "true"), refusal(400, "snapshot_not_found"));
});

test("a stop ends the call that waits for a command, with an error", async (t) => {
  const sandbox = await create(t);
  let stopped;
  const stdout = listener(() => (stopped = sandbox.stop()));
  const call = sh(sandbox.currentSession(), "echo on; sleep 1000", { stdout });
  await assert.rejects(call, { name: "StreamError", code: "sandbox_stream_closed" });
  await stopped;
});

test("a stop ends the log that is followed", async (t) => {
  const sandbox = await create(t);
  const command = await sh(sandbox, "echo on; sleep 1000", { detached: true });
  let text = "";
  for await (const line of command.logs()) {
    text += line.data;
    await sandbox.stop();
  }
  assert.equal(text, "on\n");
});

test("a persistent sandbox goes on where it stopped, in a new session", async (t) => {
  let resumed = 0;
  const options = { persistent: undefined, snapshotExpiration: DAY, onResume: async () => void resumed++ };
  const sandbox = await create(t, options);
  assert.equal(sandbox.persistent, true);
  await sandbox.writeFiles([{ path: "kept", content: "still here" }]);
  const first = sandbox.currentSession().sessionId;
  await sandbox.stop();
  assert.match(sandbox.currentSnapshotId, /^snap_/);
  assert.equal(await contentOf(sandbox, "kept"), "still here");
  assert.notEqual(sandbox.currentSession().sessionId, first);
  assert.equal(resumed, 1);
  assert.equal((await sandbox.listSessions()).sessions.length, 2);
});

test("callers that find a persistent sandbox stopped resume it once", async (t) => {
  const sandbox = await create(t, { persistent: true });
  await sandbox.stop();
  const others = await Promise.all([1, 2, 3, 4].map(() => Sandbox.get({ ...connection, name: sandbox.name })));
  await Promise.all(others.map((other) => output(other, "true")));
  assert.equal(new Set(others.map((other) => other.currentSession().sessionId)).size, 1);
});

test("a look does not wake a sandbox, unless it is to", async (t) => {
  const sandbox = await create(t, { persistent: true });
  await sandbox.stop();
  assert.equal((await Sandbox.get({ ...connection, name: sandbox.name })).status, "stopped");
  assert.equal((await Sandbox.get({ ...connection, name: sandbox.name, resume: true })).status, "running");
});

test("a session ends by itself when its time is over", async (t) => {
  const sandbox = await create(t, { timeout: 1000 });
  const waited = sh(sandbox.currentSession(), "sleep 1000");
  await assert.rejects(waited, { name: "StreamError" });
});

test("more time is added to the session's", async (t) => {
  const sandbox = await create(t, { timeout: 300_000 });
  await sandbox.extendTimeout(60_000);
  assert.equal(sandbox.currentSession().timeout, 360_000);
  assert.equal(sandbox.timeout, 300_000);
});
