// The official SDK of the Vercel Sandbox API at the work that is measured. A line on standard input says what to do,
// lines on standard output say how many milliseconds it took: to its outcome, and to its end.
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

import { Sandbox } from "@vercel/sandbox";

const { SANDBOX_BASE_URL: base, VERCEL_TOKEN: token, VERCEL_TEAM_ID: teamId, VERCEL_PROJECT_ID: projectId } = process.env;
const hosted = "https://vercel.com/api/";
const connection = { token, teamId, projectId, fetch: (url, options) => fetch(`${base}/${url.slice(hosted.length)}`, options) };

let number = 0;

async function invocation({ snapshot, program, args, settings }, outcome) {
  const source = { type: "snapshot", snapshotId: snapshot };
  const name = `sdk-${process.pid}-${number++}`;
  const sandbox = await Sandbox.create({ ...connection, ...settings, name, source, networkPolicy: "allow-all" });
  const stdout = new Writable({
    write(_piece, _encoding, done) {
      outcome();
      done();
    },
  });
  const command = await sandbox.runCommand({ cmd: program, args, stdout, timeoutMs: 30_000 });
  if (command.exitCode !== 0) throw new Error(`exit code ${command.exitCode}`);
  await sandbox.delete();
}

async function deploy({ path, content, runtime, settings }, outcome) {
  const name = `sdk-${process.pid}-${number++}`;
  const sandbox = await Sandbox.create({ ...connection, ...settings, name, runtime, networkPolicy: "deny-all" });
  await sandbox.writeFiles([{ path, content }]);
  const snapshot = await sandbox.snapshot({ expiration: 0 });
  outcome();
  await sandbox.delete();
  return snapshot.snapshotId;
}

const works = { invocation, deploy };
const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`);

for await (const line of createInterface({ input: process.stdin })) {
  const work = JSON.parse(line);
  const began = performance.now();
  const took = () => performance.now() - began;
  let told = false;
  const outcome = () => {
    if (!told) say({ outcome: took() });
    told = true;
  };
  try {
    const snapshot = await works[work.work](work, outcome);
    say({ end: took(), snapshot });
  } catch (error) {
    say({ error: error.stack });
  }
}
