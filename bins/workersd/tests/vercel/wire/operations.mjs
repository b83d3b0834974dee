// Does each operation once, as in the SDK's documentation. Our client does the same in
// tests/it/vercel_api/wire/ours.rs.
import assert from "node:assert/strict";

import { Sandbox, Snapshot } from "@vercel/sandbox";

import { connection, during } from "./recorded.mjs";

const DAY = 86_400_000;
const some = { allow: ["packages.example.com", "*.example.net"], subnets: { allow: ["192.0.2.0/24"], deny: ["10.0.0.0/8"] } };

const builder = await during("create", () =>
  Sandbox.create({
    ...connection,
    name: "wire-builder",
    runtime: "node24",
    timeout: 600_000,
    resources: { vcpus: 1 },
    persistent: false,
    ports: [3000],
    env: { WORD: "hello", EMPTY: "" },
    tags: { wire: "test", kind: "builder" },
    networkPolicy: some,
    region: "iad1",
    snapshotExpiration: DAY,
  }),
);

await during("write-files", () =>
  builder.writeFiles([
    { path: "hello.txt", content: "hello" },
    { path: "deep/er/run.sh", content: "#!/bin/sh\necho run\n", mode: 0o755 },
    { path: "/tmp/outside", content: "" },
    { path: `${"x".repeat(140)}/far.txt`, content: "far" },
    { path: "grüße.txt", content: "ä" },
  ]),
);
await during("make-directory", () => builder.mkDir("made"));
assert.equal(String(await during("read-file", () => builder.readFileToBuffer({ path: "hello.txt" }))), "hello");
assert.equal(await during("read-missing-file", () => builder.readFileToBuffer({ path: "/none" })), null);

const sh = (script, options) => builder.runCommand({ cmd: "sh", args: ["-c", script], ...options });
await during("run", () => sh("echo $MORE; exit 3", { cwd: "/tmp", env: { MORE: "a b" }, timeoutMs: 60_000 }));
await during("run-as-root", () => sh("id -u", { sudo: true }));
const started = await during("start", () => sh("echo one; exit 4", { detached: true }));
await during("logs", () => Array.fromAsync(started.logs()));
assert.equal((await during("wait", () => started.wait())).exitCode, 4);
await during("get-command", () => builder.getCommand(started.cmdId));
const sleep = await during("start-sleeping", () => builder.runCommand({ cmd: "sleep", args: ["1000"], detached: true }));
await during("kill", () => sleep.kill("SIGKILL"));

await during("extend-timeout", () => builder.extendTimeout(60_000));
await during("allow-all", () => builder.updateNetworkPolicy("allow-all"));
await during("deny-all", () => builder.updateNetworkPolicy("deny-all"));
await during("allow-some", () => builder.updateNetworkPolicy(some));

const plain = await during("create-plain", () => Sandbox.create({ ...connection, name: "wire-plain", persistent: false }));

await during("get", () => Sandbox.get({ ...connection, name: "wire-builder" }));
await during("resume", () => Sandbox.get({ ...connection, name: "wire-builder", resume: true }));
await during("list", () => Sandbox.list(connection));
await during("list-by-tag", () => Sandbox.list({ ...connection, tags: { wire: "test" } }));
const list = { ...connection, namePrefix: "wire-", sortBy: "name", sortOrder: "asc", limit: 1 };
const page = await during("list-by-name", () => Sandbox.list(list));
await during("list-next-page", () => Sandbox.list({ ...list, cursor: page.pagination.next }));

const snapshot = await during("snapshot", () => builder.snapshot({ expiration: 7 * DAY }));
await during("get-snapshot", () => Snapshot.get({ ...connection, snapshotId: snapshot.snapshotId }));
await during("list-snapshots", () => Snapshot.list({ ...connection, name: "wire-builder", limit: 10, sortOrder: "desc" }));
const source = { type: "snapshot", snapshotId: snapshot.snapshotId };
const copy = await during("create-from-snapshot", () =>
  Sandbox.create({ ...connection, name: "wire-copy", source, persistent: false, resources: { vcpus: 1 } }),
);
await during("stop", () => copy.stop());

const kept = await during("snapshot-for-ever", () => plain.snapshot({ expiration: 0 }));
await during("delete-snapshot", () => snapshot.delete());
await during("delete-kept-snapshot", () => kept.delete());
for (const sandbox of [builder, copy, plain]) await during(`delete-${sandbox.name}`, () => sandbox.delete());
