// A server with a token serves only clients that have it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, create, sh } from "../world.mjs";

test("who has the token is served", async (t) => {
  const sandbox = await create(t);
  assert.equal((await sh(sandbox, "exit 0")).exitCode, 0);
});

test("who has another, or is of another team, is not", async (t) => {
  const { name } = await create(t);
  const refused = (error) => [401, 403].includes(error.response.status);
  for (const difference of [{ token: "another" }, { teamId: "team_theirs" }]) {
    const stranger = { ...connection, ...difference };
    await assert.rejects(Sandbox.get({ ...stranger, name }), refused);
    await assert.rejects(Sandbox.list(stranger), refused);
    await assert.rejects(Sandbox.create(stranger), refused);
  }
});
