// Users of a sandbox, one for each of several agents.
import assert from "node:assert/strict";
import { test } from "node:test";

import { SandboxUserAlreadyExistsError } from "@vercel/sandbox";

import { contentOf, create, output } from "../world.mjs";

test("a user has a name, a home and files of its own", async (t) => {
  const sandbox = await create(t);
  const alice = await sandbox.createUser("alice");
  assert.equal(await output(alice, "id -un; pwd; echo $HOME"), "alice\n/home/alice\n/home/alice\n");
  await alice.writeFiles([{ path: "notes/today", content: "mine" }]);
  assert.equal(await output(alice, "stat -c %U notes/today && cat notes/today"), "alice\nmine");
  assert.equal(await contentOf(alice, "notes/today"), "mine");
  assert.equal(await contentOf(alice, "missing"), null);
});

test("a user does not see into another's home", async (t) => {
  const sandbox = await create(t);
  const [alice, bob] = [await sandbox.createUser("alice"), await sandbox.createUser("bob")];
  await alice.writeFiles([{ path: "secret", content: "mine", mode: 0o600 }]);
  const command = await bob.runCommand("cat", ["/home/alice/secret"]);
  assert.notEqual(command.exitCode, 0);
  assert.match(await command.stderr(), /Permission denied/);
});

test("a group's users share a directory", async (t) => {
  const sandbox = await create(t);
  const [alice, bob] = [await sandbox.createUser("alice"), await sandbox.createUser("bob")];
  const { sharedDir } = await sandbox.createGroup("team");
  await alice.addToGroup("team");
  await sandbox.addUserToGroup("bob", "team");
  await output(alice, `echo for all >${sharedDir}/plan`);
  assert.equal(await output(bob, `cat ${sharedDir}/plan`), "for all\n");
  await bob.removeFromGroup("team");
  assert.notEqual((await bob.runCommand("cat", [`${sharedDir}/plan`])).exitCode, 0);
});

test("a user is made once", async (t) => {
  const sandbox = await create(t);
  await sandbox.createUser("alice");
  await assert.rejects(sandbox.createUser("alice"), SandboxUserAlreadyExistsError);
});

test("root is a user, too", async (t) => {
  const sandbox = await create(t);
  assert.equal(await output(sandbox.asUser("root"), "id -u; pwd"), "0\n/root\n");
});
