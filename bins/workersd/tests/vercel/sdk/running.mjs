// Commands while they run: their output, and what ends them.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create, heard, listener, output, sh } from "../world.mjs";

// The script waits for the test between its lines, so a line that the test has seen arrived while the command ran. It
// opens its gate once, for both directions. If it opened the gate anew each time, the writer that let it pass could
// still hold the gate, and close it while the script reads.
const STEPS = "exec 3<>gate; echo one; read _ <&3; echo two >&2; read _ <&3; echo three; exit 5";

test("what a waited command prints is told while it runs", async (t) => {
  const sandbox = await create(t);
  await output(sandbox, "mkfifo gate");
  const lines = [];
  const tell = (stream) => listener((text) => lines.push([stream, text]) < 3 && output(sandbox, "echo >gate"));
  const command = await sh(sandbox, STEPS, { stdout: tell("stdout"), stderr: tell("stderr") });
  assert.equal(command.exitCode, 5);
  assert.deepEqual(lines, [["stdout", "one\n"], ["stderr", "two\n"], ["stdout", "three\n"]]);
});

test("a detached command is followed live, and its log ends with it", async (t) => {
  const sandbox = await create(t);
  await output(sandbox, "mkfifo gate");
  const command = await sh(sandbox, STEPS, { detached: true });
  assert.equal(command.exitCode, null);
  assert.equal((await sandbox.getCommand(command.cmdId)).exitCode, null);
  const lines = [];
  for await (const line of command.logs()) {
    if (lines.push([line.stream, line.data]) < 3) await output(sandbox, "echo >gate");
  }
  assert.deepEqual(lines, [["stdout", "one\n"], ["stderr", "two\n"], ["stdout", "three\n"]]);
  assert.equal((await command.wait()).exitCode, 5);
});

test("the log of a command that has ended is read from its beginning, as often as one likes", async (t) => {
  const sandbox = await create(t);
  const command = await sh(sandbox, "echo out; echo err >&2; exit 4", { detached: true });
  await command.wait();
  const found = await sandbox.getCommand(command.cmdId);
  assert.deepEqual([found.exitCode, await found.stdout(), await found.stderr()], [4, "out\n", "err\n"]);
  assert.deepEqual((await Array.fromAsync(command.logs())).map((line) => line.data).sort(), ["err\n", "out\n"]);
});

test("several follow one command", async (t) => {
  const sandbox = await create(t);
  await output(sandbox, "mkfifo gate");
  const command = await sh(sandbox, "echo one; read _ <gate; echo two", { detached: true });
  const readers = [1, 2, 3].map(() => Array.fromAsync(command.logs()));
  const waiters = [1, 2].map(() => command.wait());
  await output(sandbox, "echo >gate");
  for (const lines of await Promise.all(readers)) assert.equal(lines.map((line) => line.data).join(""), "one\ntwo\n");
  for (const end of await Promise.all(waiters)) assert.equal(end.exitCode, 0);
});

test("a killed command ends as the signal says, and so does its log", async (t) => {
  const sandbox = await create(t);
  for (const [signal, code] of [[undefined, 143], ["SIGKILL", 137], ["SIGINT", 130]]) {
    const command = await sandbox.runCommand({ cmd: "sleep", args: ["1000"], detached: true });
    const log = Array.fromAsync(command.logs());
    await command.kill(signal);
    assert.equal((await command.wait()).exitCode, code, signal);
    assert.deepEqual(await log, []);
  }
});

test("a command that handles the signal ends as it wants", async (t) => {
  const sandbox = await create(t);
  const command = await sh(sandbox, "trap 'echo caught; exit 42' TERM; echo ready; while :; do sleep 0.05; done", { detached: true });
  await heard(command, "ready");
  await command.kill("SIGTERM");
  assert.equal((await command.wait()).exitCode, 42);
  assert.equal(await command.stdout(), "ready\ncaught\n");
});

test("a kill reaches what the command has started", async (t) => {
  const sandbox = await create(t);
  const command = await sh(sandbox, "sleep 1000 & echo started; wait", { detached: true });
  await heard(command, "started");
  await command.kill("SIGKILL");
  // The sleeping process holds the log open, too.
  assert.deepEqual(await Array.fromAsync(command.logs()), [{ stream: "stdout", data: "started\n" }]);
});
