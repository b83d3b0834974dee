// A deployment and its runs, as the documentation of the SDK does them.
import assert from "node:assert/strict";
import { Writable } from "node:stream";

import { Sandbox } from "@vercel/sandbox";

import { connection, during } from "./recorded.mjs";

const snapshot = await during("deployment", async () => {
  const builder = await Sandbox.create({ ...connection, runtime: "node24", persistent: false });
  await builder.writeFiles([{ path: "worker.mjs", content: "console.log('hello')" }]);
  const made = await builder.snapshot();
  await builder.delete();
  return made;
});

const copy = () => Sandbox.create({ ...connection, source: { type: "snapshot", snapshotId: snapshot.snapshotId }, persistent: false });

/** A run whose output arrives with the response to the request that started it. */
const waited = await during("run", async () => {
  const sandbox = await copy();
  let printed = "";
  const stdout = new Writable({ write: (piece, _encoding, done) => ((printed += piece), done()) });
  const ended = await sandbox.runCommand({ cmd: "node", args: ["worker.mjs"], stdout });
  assert.deepEqual([ended.exitCode, printed], [0, "hello\n"]);
  await sandbox.stop();
  return sandbox;
});

/** The same with a detached command, whose output a second request reads. */
const detached = await during("detached-run", async () => {
  const sandbox = await copy();
  const command = await sandbox.runCommand({ cmd: "node", args: ["worker.mjs"], detached: true });
  const lines = await Array.fromAsync(command.logs());
  assert.deepEqual([(await command.wait()).exitCode, lines.map((line) => line.data).join("")], [0, "hello\n"]);
  await sandbox.stop();
  return sandbox;
});

await during("clean-up", async () => {
  await waited.delete();
  await detached.delete();
  await snapshot.delete();
});
