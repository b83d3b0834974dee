// Snapshots are made, found, started from and deleted.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox, Snapshot } from "@vercel/sandbox";

import { connection, contentOf, create, DAY, output, refusal, sh, unique } from "../world.mjs";

/** Returns a sandbox that a snapshot has ended, its session, and the snapshot. */
async function frozen(t, files, options) {
  const sandbox = await create(t);
  await sandbox.writeFiles(files);
  const session = sandbox.currentSession();
  const snapshot = await sandbox.snapshot(options);
  t.after(() => snapshot.delete().catch(() => {}));
  return { sandbox, session, snapshot };
}

const from = (snapshot) => ({ source: { type: "snapshot", snapshotId: snapshot.snapshotId } });

test("a snapshot ends its session and tells what it is", async (t) => {
  const { session, snapshot } = await frozen(t, [{ path: "file", content: "x" }], { expiration: 7 * DAY });
  assert.equal(snapshot.status, "created");
  assert.equal(snapshot.sourceSessionId, session.sessionId);
  assert.ok(snapshot.sizeBytes > 0);
  assert.ok(Math.abs(snapshot.expiresAt - Date.now() - 7 * DAY) < DAY / 24);
  await assert.rejects(sh(session, "true"), (error) => [410, 422].includes(error.response.status));
});

test("a snapshot may be kept for ever", async (t) => {
  const { snapshot } = await frozen(t, [], { expiration: 0 });
  assert.equal(snapshot.expiresAt, undefined);
});

test("the size of a snapshot is what it takes up, be it without files", async (t) => {
  const [without, large] = [await frozen(t, []), await frozen(t, [{ path: "large", content: "x".repeat(1 << 20) }])];
  assert.ok(without.snapshot.sizeBytes > 0);
  assert.ok(large.snapshot.sizeBytes >= (1 << 20) + without.snapshot.sizeBytes);
});

test("a snapshot is found by its id and by its sandbox", async (t) => {
  const { sandbox, snapshot } = await frozen(t, []);
  const found = await Snapshot.get({ ...connection, snapshotId: snapshot.snapshotId });
  assert.deepEqual([found.snapshotId, found.status], [snapshot.snapshotId, "created"]);
  const ids = (page) => page.snapshots.map((one) => one.id);
  assert.deepEqual(ids(await Snapshot.list({ ...connection, name: sandbox.name })), [snapshot.snapshotId]);
  assert.deepEqual(ids(await sandbox.listSnapshots()), [snapshot.snapshotId]);
});

test("a snapshot that nobody made is not found", async () => {
  await assert.rejects(Snapshot.get({ ...connection, snapshotId: "snap_0000000000000000000000000000" }), refusal(404, "not_found"));
});

test("a sandbox from a snapshot has its files as they were", async (t) => {
  const { sandbox, snapshot } = await frozen(t, [
    { path: "run", content: "#!/bin/sh\ncat deep/er/data\n", mode: 0o755 },
    { path: "deep/er/data", content: "kept\n" },
    { path: "/tmp/outside", content: "kept too" },
  ]);
  const copy = await create(t, from(snapshot));
  assert.equal(copy.status, "running");
  assert.equal(copy.sourceSnapshotId, snapshot.snapshotId);
  assert.notEqual(copy.currentSession().sessionId, sandbox.currentSession().sessionId);
  assert.equal(await output(copy, "./run"), "kept\n");
  assert.equal(await contentOf(copy, "/tmp/outside"), "kept too");
});

test("sandboxes from one snapshot do not see each other", async (t) => {
  const { snapshot } = await frozen(t, [{ path: "file", content: "original" }]);
  const [left, right] = [await create(t, from(snapshot)), await create(t, from(snapshot))];
  await left.writeFiles([{ path: "file", content: "left" }]);
  assert.equal(await contentOf(right, "file"), "original");
  await output(right, "rm file");
  assert.equal(await contentOf(left, "file"), "left");
  assert.equal(await contentOf(await create(t, from(snapshot)), "file"), "original");
});

test("a snapshot of a snapshot has both", async (t) => {
  const { snapshot } = await frozen(t, [{ path: "first", content: "1" }, { path: "removed", content: "" }]);
  const middle = await create(t, from(snapshot));
  await middle.writeFiles([{ path: "second", content: "2" }]);
  await output(middle, "rm removed");
  const next = await middle.snapshot();
  t.after(() => next.delete());
  const copy = await create(t, from(next));
  assert.equal(await output(copy, "cat first second; ls"), "12first\nsecond\n");
});

test("a deleted snapshot starts nothing more, and what runs from it goes on", async (t) => {
  const { snapshot } = await frozen(t, [{ path: "file", content: "kept" }]);
  const running = await create(t, from(snapshot));
  await snapshot.delete();
  assert.equal(snapshot.status, "deleted");
  const late = Sandbox.create({ ...connection, name: unique(), persistent: false, ...from(snapshot) });
  await assert.rejects(late, refusal(410, "snapshot_not_found"));
  assert.equal(await contentOf(running, "file"), "kept");
});

test("a deleted snapshot stays in lists for a while", async (t) => {
  const { sandbox, snapshot } = await frozen(t, []);
  await snapshot.delete();
  const shown = (page) => page.snapshots.map((one) => [one.id, one.status]);
  assert.deepEqual(shown(await Snapshot.list({ ...connection, name: sandbox.name })), [[snapshot.snapshotId, "deleted"]]);
  assert.deepEqual(shown(await sandbox.listSnapshots()), [[snapshot.snapshotId, "deleted"]]);
});

test("a snapshot outlives its sandbox", async (t) => {
  const { sandbox, snapshot } = await frozen(t, [{ path: "file", content: "kept" }]);
  await sandbox.delete();
  assert.equal(await contentOf(await create(t, from(snapshot)), "file"), "kept");
});
