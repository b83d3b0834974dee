// Sandboxes made from other sandboxes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, contentOf, create, deletedAfter, output, unique } from "../world.mjs";

const fork = async (t, source, options = {}) =>
  deletedAfter(t, await Sandbox.fork({ ...connection, sourceSandbox: source.name, name: unique("fork"), ...options }));

test("a fork has the files and the settings of its source", async (t) => {
  const source = await create(t, { persistent: true, env: { WORD: "inherited" }, tags: { kind: "source" } });
  await source.writeFiles([{ path: "file", content: "from the source" }]);
  await source.stop();
  const copy = await fork(t, source);
  assert.equal(await contentOf(copy, "file"), "from the source");
  assert.equal(await output(copy, "echo $WORD"), "inherited\n");
  assert.deepEqual(copy.tags, { kind: "source" });
  await copy.writeFiles([{ path: "file", content: "changed" }]);
  assert.equal(await contentOf(source, "file"), "from the source");
});

test("a fork's own settings win", async (t) => {
  const source = await create(t, { persistent: true, tags: { kind: "source" } });
  await source.stop();
  const copy = await fork(t, source, { tags: { kind: "fork" }, persistent: false, resources: { vcpus: 2 } });
  assert.deepEqual([copy.tags, copy.persistent, copy.vcpus], [{ kind: "fork" }, false, 2]);
});
