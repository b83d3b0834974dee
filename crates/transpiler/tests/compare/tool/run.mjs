// Runs programs, each in a process of its own, a few at a time.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ourText, recordOf, referenceText, refused } from "./records.mjs";

const DRIVER = fileURLToPath(new URL("driver.mjs", import.meta.url));
const TOKEN = "0123456789abcdef0123456789abcdef";
const DEADLINE_MS = 30_000;

/** What both sides find in their environment: nothing that tells one machine from another. */
const ENVIRONMENT = { PATH: process.env.PATH, HOME: "/tmp", TZ: "UTC", LANG: "en_US.UTF-8" };

/** Runs Node.js; what it wrote to each descriptor, and its exit code. */
const node = (args, cwd, env, descriptors) =>
  new Promise((resolve, reject) => {
    const stdio = ["ignore", ...Array(descriptors).fill("pipe")];
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...ENVIRONMENT, ...env },
      stdio,
      timeout: DEADLINE_MS,
      killSignal: "SIGKILL",
    });
    const chunks = child.stdio.map(() => []);
    child.stdio.forEach((stream, fd) => stream?.on("data", (chunk) => chunks[fd].push(chunk)));
    child.on("error", reject);
    child.on("close", (exitCode) =>
      resolve({ written: chunks.map((list) => Buffer.concat(list).toString()), exitCode }),
    );
  });

/** Calls `work` for every item, two at a time; the answers in order. */
export async function pool(items, work) {
  const answers = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      answers[index] = await work(items[index]);
    }
  };
  await Promise.all([worker(), worker()]);
  return answers;
}

/** Reads the frames of crates/protocol/PROTOCOL.md. */
function decode(text) {
  const printed = { O: "", E: "" };
  const [before, ...frames] = text.split(`\x1e${TOKEN}`);
  printed.O += before;
  let outcome = { code: "crashed", value: null };
  for (const frame of frames) {
    const end = frame.indexOf("\n");
    const [kind, body] = [frame[0], frame.slice(1, end)];
    if (kind === "R") {
      const [meta, record] = body.split("\x1f");
      const { code, exitCode } = JSON.parse(meta);
      outcome = { code, exitCode, value: JSON.parse(record.slice("__RESULT__".length, -"__END_RESULT__".length)) };
    } else if (kind !== "S") {
      printed[kind] += JSON.parse(body.slice(body.indexOf(":") + 1));
    }
    printed.O += frame.slice(end + 1);
  }
  return { ...outcome, stdout: printed.O, stderr: printed.E };
}

/** Runs what our compiler made of a program. */
export async function runOurs(program, directory) {
  const script = path.join(directory, "ours", "worker.mjs");
  if (!fs.existsSync(script)) return refused(fs.readFileSync(path.join(directory, "ours", "refused.txt"), "utf8"));
  const { written } = await node([script, program.function, program.payload], directory, { WORKERS_FRAME: TOKEN }, 2);
  const decoded = decode(written[1]);
  return recordOf({ ...decoded, stderr: decoded.stderr + written[2] }, (text) =>
    ourText(text, `worker${program.extension}`),
  );
}

/** Runs what tsc made of a program: `{code, map}`, or `{refused}`. */
export async function runReference(program, directory, compiled) {
  if (compiled.refused) return refused(compiled.refused);
  const script = path.join(directory, "reference", "worker.mjs");
  fs.mkdirSync(path.dirname(script), { recursive: true });
  fs.writeFileSync(script, compiled.code);
  const { written } = await node([DRIVER, script, program.function, program.payload], directory, {}, 3);
  const end = written[3] ? JSON.parse(written[3]) : { code: "crashed", value: null };
  const change = referenceText(pathToFileURL(script).href, `worker${program.extension}`, compiled.map);
  return recordOf({ ...end, stdout: written[1], stderr: written[2] }, change);
}
