// The record of a sandbox: created, found, changed, deleted.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, create, deletedAfter, output, refusal, sh, unique } from "../world.mjs";

test("a new sandbox is what was asked for, and runs", async (t) => {
  const name = unique();
  const sandbox = await create(t, { name, timeout: 300_000, ports: [3000], env: { GREETING: "hello" }, tags: { team: "ours" } });
  const { status, persistent, vcpus, memory, timeout, tags } = sandbox;
  assert.deepEqual(
    { name: sandbox.name, status, persistent, vcpus, memory, timeout, tags },
    { name, status: "running", persistent: false, vcpus: 1, memory: 2048, timeout: 300_000, tags: { team: "ours" } },
  );
  assert.match(sandbox.cwd, /^\//);
  assert.match(sandbox.currentSession().sessionId, /^sbx_/);
  assert.match(sandbox.domain(3000), /^https:\/\/[a-z0-9-]+\.vercel\.run$/);
  assert.throws(() => sandbox.domain(3001));
});

test("a name may be left to the server", async (t) => {
  const sandbox = await create(t, { name: undefined });
  const other = await create(t, { name: undefined });
  assert.notEqual(sandbox.name, other.name);
  assert.equal((await Sandbox.get({ ...connection, name: sandbox.name })).name, sandbox.name);
});

test("a name is taken once", async (t) => {
  const { name } = await create(t);
  await assert.rejects(create(t, { name }), refusal(400, "bad_request"));
});

test("a found sandbox is the same session", async (t) => {
  const sandbox = await create(t);
  const found = await Sandbox.get({ ...connection, name: sandbox.name });
  assert.equal(found.status, "running");
  assert.equal(found.currentSession().sessionId, sandbox.currentSession().sessionId);
  await sandbox.writeFiles([{ path: "note", content: "here" }]);
  assert.equal(await output(found, "cat note"), "here");
});

test("a name that nobody has is not found", async () => {
  await assert.rejects(Sandbox.get({ ...connection, name: unique("nobody") }), refusal(404, "not_found"));
});

test("getOrCreate makes a sandbox once", async (t) => {
  const name = unique();
  let created = 0;
  const options = { ...connection, name, persistent: false, onCreate: async () => void created++ };
  const first = deletedAfter(t, await Sandbox.getOrCreate(options));
  const second = await Sandbox.getOrCreate(options);
  assert.equal(created, 1);
  assert.equal(second.currentSession().sessionId, first.currentSession().sessionId);
});

test("an update changes resources, tags, and ports with their routes", async (t) => {
  const sandbox = await create(t, { tags: { old: "1" }, ports: [3000] });
  await sandbox.update({ resources: { vcpus: 2 }, tags: { new: "2" }, ports: [4000, 5000] });
  assert.deepEqual([sandbox.vcpus, sandbox.memory, sandbox.tags], [2, 4096, { new: "2" }]);
  assert.notEqual(sandbox.domain(4000), sandbox.domain(5000));
  assert.throws(() => sandbox.domain(3000));
  const found = await Sandbox.get({ ...connection, name: sandbox.name });
  assert.deepEqual([found.vcpus, found.tags], [2, { new: "2" }]);
});

test("a deleted sandbox is gone with what ran in it", async (t) => {
  const sandbox = await create(t);
  const session = sandbox.currentSession();
  await sandbox.runCommand({ cmd: "sleep", args: ["1000"], detached: true });
  await sandbox.delete();
  await assert.rejects(Sandbox.get({ ...connection, name: sandbox.name }), refusal(404, "not_found"));
  await assert.rejects(sh(session, "true"), (error) => [404, 410].includes(error.response.status));
});

test("a deleted sandbox's name is free again", async (t) => {
  const first = await create(t);
  await first.delete();
  const second = await create(t, { name: first.name });
  assert.notEqual(second.currentSession().sessionId, first.currentSession().sessionId);
});
