// A deployment and its runs: build, make a snapshot, run from the snapshot, stop; once for each way to reach a server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox, Snapshot } from "@vercel/sandbox";

import { connection, contentOf, create, deletedAfter, refusal, sh, unique } from "../world.mjs";

test("what was built in one sandbox runs in others made from its snapshot", async (t) => {
  const builder = await create(t);
  await builder.writeFiles([{ path: "program.sh", content: "#!/bin/sh\necho \"hello $1\"\nexit 3\n", mode: 0o755 }]);
  assert.equal((await builder.runCommand("touch", ["installed"])).exitCode, 0);
  const snapshot = await builder.snapshot();
  t.after(() => snapshot.delete());
  assert.equal((await Snapshot.get({ ...connection, snapshotId: snapshot.snapshotId })).status, "created");

  const runner = await create(t, { source: { type: "snapshot", snapshotId: snapshot.snapshotId } });
  assert.equal(await contentOf(runner, "installed"), "");
  const command = await runner.runCommand({ cmd: "./program.sh", args: ["world"], detached: true });
  const lines = await Array.fromAsync(command.logs());
  assert.deepEqual(lines, [{ stream: "stdout", data: "hello world\n" }]);
  assert.equal((await command.wait()).exitCode, 3);

  const same = await Sandbox.get({ ...connection, name: runner.name });
  assert.equal(same.currentSession().sessionId, runner.currentSession().sessionId);
  assert.equal((await runner.stop()).status, "stopped");
  await assert.rejects(sh(runner.currentSession(), "true"), refusal(410));
  await runner.delete();
  await assert.rejects(Sandbox.get({ ...connection, name: runner.name }), refusal(404, "not_found"));
});

test("what the static calls answer goes the same way on", async (t) => {
  const name = unique();
  const made = deletedAfter(t, await Sandbox.getOrCreate({ ...connection, name, persistent: false }));
  assert.equal((await sh(made, "exit 7")).exitCode, 7);
  const page = await Sandbox.list({ ...connection, namePrefix: name, sortBy: "name" });
  assert.deepEqual(page.sandboxes.map((sandbox) => sandbox.name), [name]);
});
