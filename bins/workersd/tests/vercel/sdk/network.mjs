// What a sandbox may reach. No connection here leaves the host that the tests run on.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, create, output } from "../world.mjs";

test("a policy reads back as it was set", async (t) => {
  const sandbox = await create(t);
  const list = { allow: ["packages.example.com", "*.example.net"], subnets: { deny: ["10.0.0.0/8"] } };
  for (const policy of ["deny-all", list, "allow-all"]) {
    assert.deepEqual(await sandbox.updateNetworkPolicy(policy), policy);
  }
});

test("a sandbox has the policy that it was made with", async (t) => {
  const sandbox = await create(t, { networkPolicy: { allow: ["packages.example.com"] } });
  assert.deepEqual(sandbox.networkPolicy, { allow: ["packages.example.com"] });
  assert.deepEqual((await Sandbox.get({ ...connection, name: sandbox.name })).networkPolicy, { allow: ["packages.example.com"] });
});

test("a sandbox reaches itself, whatever its policy", async (t) => {
  const sandbox = await create(t, { networkPolicy: "deny-all" });
  const script = `const server = require("node:http").createServer((_, answer) => answer.end("it answers")).listen(0, "127.0.0.1", async () => {
    console.log(await (await fetch("http://127.0.0.1:" + server.address().port)).text()); process.exit() })`;
  const command = await sandbox.runCommand("node", ["-e", script]);
  assert.deepEqual([await command.stdout(), await command.stderr()], ["it answers\n", ""]);
});

test("a connection that the policy denies is refused, not left waiting", async (t) => {
  const sandbox = await create(t);
  await sandbox.updateNetworkPolicy("deny-all");
  const script = `require("node:net").connect(80, "192.0.2.1").on("error", (error) => console.log(error.code))`;
  assert.equal(await output(sandbox, `node -e '${script}'`), "EACCES\n");
});
