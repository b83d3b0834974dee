// The SDK's `fs`, which is built from commands, reads and writes.
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "../world.mjs";

test("fs makes, writes, appends, reads and looks at things", async (t) => {
  const { fs } = await create(t);
  await fs.mkdir("top/one/two", { recursive: true });
  await fs.writeFile("top/file", "first ");
  await fs.appendFile("top/file", "second");
  assert.equal(await fs.readFile("top/file", "utf8"), "first second");
  assert.equal((await fs.stat("top/file")).size, 12);
  assert.ok((await fs.stat("top/one")).isDirectory());
  assert.deepEqual((await fs.readdir("top")).sort(), ["file", "one"]);
  const kinds = (await fs.readdir("top", { withFileTypes: true })).map((entry) => [entry.name, entry.isDirectory()]);
  assert.deepEqual(kinds.sort(), [["file", false], ["one", true]]);
});

test("fs renames, copies and removes things", async (t) => {
  const { fs } = await create(t);
  await fs.writeFile("a", "content");
  await fs.rename("a", "b");
  await fs.copyFile("b", "c");
  assert.deepEqual([await fs.exists("a"), await fs.exists("b"), await fs.exists("c")], [false, true, true]);
  await fs.unlink("b");
  await fs.mkdir("tree/deep", { recursive: true });
  await fs.rm("tree", { recursive: true });
  assert.deepEqual(await fs.readdir("."), ["c"]);
});

test("fs says what is wrong as Node.js does", async (t) => {
  const { fs } = await create(t);
  await assert.rejects(fs.readFile("missing"), { code: "ENOENT" });
  await assert.rejects(fs.stat("missing"), { code: "ENOENT" });
});
