// Commands that the caller waits for.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create, listener, output, refusal, sh } from "../world.mjs";

test("a command's two streams, exit code and times come back", async (t) => {
  const sandbox = await create(t);
  const command = await sh(sandbox, "printf good; printf bad >&2; exit 3");
  assert.deepEqual([command.exitCode, await command.stdout(), await command.stderr()], [3, "good", "bad"]);
  assert.equal((await command.output("both")).length, "goodbad".length);
  assert.match(command.cmdId, /^cmd_/);
  assert.ok(Math.abs(Date.now() - command.startedAt) < 60_000);
  assert.ok(command.durationMs >= 0);
});

test("a command runs in the working directory, or in the one that was given", async (t) => {
  const sandbox = await create(t);
  assert.equal(await output(sandbox, "pwd"), `${sandbox.cwd}\n`);
  assert.equal(await output(sandbox, "pwd", { cwd: "/tmp" }), "/tmp\n");
});

test("a command's environment is the sandbox's with its own on top", async (t) => {
  const sandbox = await create(t, { env: { KEPT: "sandbox", CHANGED: "sandbox" } });
  const printed = await output(sandbox, 'echo "$KEPT $CHANGED $ADDED"', { env: { CHANGED: "command", ADDED: "command" } });
  assert.equal(printed, "sandbox command command\n");
  assert.equal(await output(sandbox, 'echo "$KEPT $CHANGED $ADDED"'), "sandbox sandbox \n");
});

test("arguments reach a program as they are", async (t) => {
  const sandbox = await create(t);
  const odd = ["a b", "$HOME", "`id`", "*", "'\"", "", "grüße", "two\nlines"];
  const command = await sandbox.runCommand("printf", ["<%s>", ...odd]);
  assert.equal(await command.stdout(), odd.map((argument) => `<${argument}>`).join(""));
});

test("a command runs as an ordinary user, with sudo as root", async (t) => {
  const sandbox = await create(t);
  assert.notEqual(await output(sandbox, "id -u"), "0\n");
  const user = await output(sandbox, "id -un");
  const script = 'id -u; echo "$USER $HOME $SUDO_USER"';
  assert.equal(await output(sandbox, script, { sudo: true }), `0\nroot /root ${user}`);
  assert.equal(await output(sandbox, `sudo sh -c '${script}'`), `0\nroot /root ${user}`);
});

test("a character of several bytes is never torn", async (t) => {
  const sandbox = await create(t);
  const [unit, times] = ["aé€😀", 100_000];
  const text = await output(sandbox, `awk 'BEGIN { for (i = 0; i < ${times}; i++) printf "%s", "${unit}" }'`);
  assert.equal(text.length, unit.length * times);
  assert.ok(text === unit.repeat(times), "the text is another");
});

test("a command that takes too long is killed", async (t) => {
  const sandbox = await create(t);
  const command = await sandbox.runCommand({ cmd: "sleep", args: ["1000"], timeoutMs: 200 });
  assert.equal(command.exitCode, 137);
});

test("a program that is not there is refused before anything runs", async (t) => {
  const sandbox = await create(t);
  await assert.rejects(sandbox.runCommand("no-such-program"), refusal(400, "executable_not_found"));
  await assert.rejects(sandbox.runCommand({ cmd: "no-such-program", detached: true }), refusal(400, "executable_not_found"));
});

test("an end by a signal is told as shells do", async (t) => {
  const sandbox = await create(t);
  assert.equal((await sh(sandbox, "kill -TERM $$")).exitCode, 143);
  assert.equal((await sh(sandbox, "kill -INT $$")).exitCode, 130);
});

test("a caller that goes away leaves its command running", async (t) => {
  const sandbox = await create(t);
  await output(sandbox, "mkfifo gate");
  const away = new AbortController();
  const stdout = listener(() => away.abort());
  await assert.rejects(sh(sandbox, "echo started; read word <gate; echo $word >result", { stdout, signal: away.signal }));
  await output(sandbox, "echo survived >gate");
  assert.equal(await output(sandbox, "until [ -s result ]; do :; done; cat result"), "survived\n");
});
