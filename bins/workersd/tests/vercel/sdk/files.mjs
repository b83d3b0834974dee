// Files are uploaded as archives and downloaded as bytes.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { contentOf, create, output, refusal } from "../world.mjs";

const everyByte = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, index) => (index * 31) % 256));

test("written files are read back byte by byte, whatever they hold", async (t) => {
  const sandbox = await create(t);
  await sandbox.writeFiles([
    { path: "text.txt", content: "grüße ✓\n" },
    { path: "a/b/c/bytes", content: everyByte },
    { path: "empty", content: "" },
  ]);
  assert.equal(await contentOf(sandbox, "text.txt"), "grüße ✓\n");
  assert.deepEqual(await sandbox.readFileToBuffer({ path: "bytes", cwd: `${sandbox.cwd}/a/b/c` }), everyByte);
  assert.equal(await contentOf(sandbox, "empty"), "");
  const pieces = await Array.fromAsync(await sandbox.readFile({ path: "a/b/c/bytes" }));
  assert.deepEqual(Buffer.concat(pieces.map((piece) => Buffer.from(piece))), everyByte);
});

test("a path may be absolute, long, or not ASCII", async (t) => {
  const sandbox = await create(t);
  const long = `${"folder-with-a-name/".repeat(12)}file`;
  await sandbox.writeFiles([
    { path: "/tmp/absolute", content: "1" },
    { path: long, content: "2" },
    { path: "ordner/größe", content: "3" },
  ]);
  assert.equal(await output(sandbox, `cat /tmp/absolute "${long}" ordner/größe`), "123");
  assert.equal(await contentOf(sandbox, "/tmp/absolute"), "1");
  assert.equal(await contentOf(sandbox, long), "2");
});

test("a written file has the mode it was given, and belongs to the user", async (t) => {
  const sandbox = await create(t);
  await sandbox.writeFiles([
    { path: "run", content: "#!/bin/sh\necho ran\n", mode: 0o755 },
    { path: "secret", content: "", mode: 0o600 },
    { path: "plain", content: "" },
  ]);
  assert.equal(await output(sandbox, "./run && stat -c %a run secret plain"), "ran\n755\n600\n644\n");
  assert.equal(await output(sandbox, "stat -c %U run"), await output(sandbox, "id -un"));
});

test("a second write replaces the first", async (t) => {
  const sandbox = await create(t);
  await sandbox.writeFiles([{ path: "file", content: "long content" }]);
  await sandbox.writeFiles([{ path: "file", content: "short" }]);
  assert.equal(await contentOf(sandbox, "file"), "short");
});

test("a file that is not there reads as null", async (t) => {
  const sandbox = await create(t);
  assert.equal(await sandbox.readFile({ path: "missing" }), null);
  assert.equal(await sandbox.readFileToBuffer({ path: "no/such/folder" }), null);
});

test("a directory does not read as a file", async (t) => {
  const sandbox = await create(t);
  await assert.rejects(sandbox.readFileToBuffer({ path: "/tmp" }), (error) => refusal(error.response.status)(error) && error.response.status !== 404);
});

test("what only root may write is refused with a sentence that says what to do, and that works", async (t) => {
  const sandbox = await create(t);
  const tool = { path: "/usr/local/bin/tool", content: "#!/bin/sh\necho ran\n", mode: 0o755 };
  const refused = [
    () => sandbox.writeFiles([tool]),
    () => sandbox.writeFiles([{ path: "/etc/passwd", content: "" }]),
    () => sandbox.writeFiles([{ path: "/opt/made/on/the/way", content: "" }]),
    () => sandbox.mkDir("/usr/local/made"),
  ];
  for (const refuse of refused) {
    await assert.rejects(refuse, (error) => {
      refusal(400, "file_error")(error);
      assert.match(error.json.error.message, /^`\/[^`]+` cannot be (written|made): permission denied for the user ubuntu.* sudo\.$/);
      return true;
    });
  }
  await sandbox.writeFiles([{ ...tool, path: `${sandbox.cwd}/tool` }]);
  await sandbox.runCommand({ cmd: "mv", args: [`${sandbox.cwd}/tool`, tool.path], sudo: true });
  assert.equal(await output(sandbox, "tool"), "ran\n");
});

test("no refusal of a file has a number of the operating system", async (t) => {
  const sandbox = await create(t);
  await sandbox.writeFiles([{ path: "file", content: "" }]);
  await sandbox.mkDir("directory");
  const refused = [
    () => sandbox.mkDir("directory"),
    () => sandbox.mkDir("no/parent"),
    () => sandbox.mkDir("file/below"),
    () => sandbox.writeFiles([{ path: "file/below", content: "" }]),
    () => sandbox.writeFiles([{ path: "directory", content: "" }]),
    () => sandbox.writeFiles([{ path: "/proc/none", content: "" }]),
    () => sandbox.readFileToBuffer({ path: "directory" }),
    () => sandbox.readFileToBuffer({ path: "file/below" }),
    () => sandbox.runCommand({ cmd: "true", cwd: "/vercel/none" }),
    () => sandbox.runCommand({ cmd: "./directory" }),
  ];
  for (const refuse of refused) {
    await assert.rejects(refuse, (error) => {
      assert.ok(error.response.status >= 400 && error.response.status < 500, `${refuse}: ${error.message}`);
      assert.doesNotMatch(error.json.error.message, /os error/);
      return true;
    });
  }
});

test("mkDir makes one directory, once", async (t) => {
  const sandbox = await create(t);
  await sandbox.mkDir("made");
  assert.equal(await output(sandbox, "test -d made && echo yes"), "yes\n");
  await assert.rejects(sandbox.mkDir("made"), refusal(400, "file_error"));
  await assert.rejects(sandbox.mkDir("no/parent"), refusal(400, "file_error"));
});

test("a file is downloaded to a path of the host", async (t) => {
  const sandbox = await create(t);
  await sandbox.writeFiles([{ path: "bytes", content: everyByte }]);
  const directory = await mkdtemp(join(tmpdir(), "download-"));
  t.after(() => rm(directory, { recursive: true }));
  const path = await sandbox.downloadFile({ path: "bytes" }, { path: "deep/er/copy", cwd: directory }, { mkdirRecursive: true });
  assert.deepEqual(await readFile(path), everyByte);
  assert.equal(await sandbox.downloadFile({ path: "missing" }, { path: join(directory, "none") }), null);
});
