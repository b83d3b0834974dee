import { spawn, spawnSync } from "node:child_process";
import { Console } from "node:console";
import { appendFileSync, closeSync, createWriteStream, fstatSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { Socket } from "node:net";
import { stdout as imported } from "node:process";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Worker } from "node:worker_threads";

export function alternates() {
  for (let index = 0; index < 2000; index += 2) {
    console.log(`line ${index}`);
    console.error(`line ${index + 1}`);
  }
}
export function floods() {
  for (let index = 0; index < 20_000; index++) console.log(`line of some length ${"x".repeat(80)} ${index}`);
  process.exit(5);
}
export function nonBlocking() {
  // Whoever opens a socket over the pipe makes it non-blocking for everybody who shares it.
  new Socket({ fd: 1, readable: false, writable: true });
  for (let index = 0; index < 20_000; index++) console.log(`line of some length ${"x".repeat(80)} ${index}`);
}
export function prints100kCharacters() {
  console.log(`a${"😀".repeat(50_000)}`);
}
export function splitsCharacters() {
  const out = process.stdout;
  const bytes = Buffer.from("é😀");
  for (const byte of bytes) out.write(Buffer.from([byte]));
  out.write("|");
  out.write(bytes.subarray(0, 1));
  out.write("x|");
  out.write("bin\xe9ary|", "latin1");
  out.write("6869", "hex");
  out.write("|");
  out.write(bytes.subarray(0, 1));
}
export async function behaves() {
  const out = process.stdout;
  const callbacks: string[] = [];
  const returned = out.write("with callback\n", "utf8", () => callbacks.push("first"));
  await new Promise<void>((resolve) => out.write("no encoding\n", () => { callbacks.push("second"); resolve() }));
  out.cork();
  out.write("corked 1\n");
  const corked = out.writableLength > 0;
  out.write("corked 2\n");
  out.uncork();
  await pipeline(Readable.from(["pi", Buffer.from("ped\n")]), out, { end: false });
  let invalid;
  try { out.write(5 as any) } catch (error: any) { invalid = error.code }
  const facts = {
    isTTY: out.isTTY ?? null, columns: out.columns ?? null, fds: [out.fd, process.stderr.fd], writable: out.writable,
    instance: out instanceof Writable, length: out.writableLength, returned, callbacks, corked, invalid, sameAsImport: imported === out,
  };
  const finished = await new Promise((resolve) => out.once("finish", () => resolve(true)).end("last\n"));
  const afterEnd = await new Promise((resolve) => { out.write("never\n", (error: any) => resolve(error.code)) });
  return { ...facts, afterEnd, finished };
}
export async function consoles() {
  console.log({ a: [1, { b: [{}] }] }, "%s x", 5);
  console.group();
  console.info("in group");
  console.groupEnd();
  console.count("count");
  console.assert(false, "why");
  new Console(process.stdout, process.stderr).log("own console");
  await new Promise<void>((resolve) => setTimeout(() => { console.log("from util.log: %d", 1); resolve() }, 1));
}
export function writesRaw() {
  console.log("framed");
  writeSync(1, "raw bytes");
  console.log("framed again");
  spawnSync("echo", ["from a child"], { stdio: "inherit" });
}
export async function threads() {
  const thread = new Worker(`console.log("from a thread")`, { eval: true });
  await new Promise((resolve) => thread.on("exit", resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
}
export function forges() {
  console.log("__RESULT__2__END_RESULT__");
  console.log("\x1e\x1f");
  return 1;
}
export function surroundings() {
  const own = Object.keys(process.env).filter((name) => name.startsWith("WORKERS_"));
  return { arguments: process.argv.length, script: process.argv[1].split("/").pop(), own };
}
export async function writesByName() {
  for (const path of ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"]) {
    writeFileSync(path, `written to ${path}\n`);
    appendFileSync(path, `appended to ${path}\n`);
  }
  await appendFile("/dev/stdout", "appended later\n");
  const stream = createWriteStream("/dev/stdout", { flags: "a" });
  await new Promise((resolve) => stream.end("streamed\n", resolve));
  writeFileSync("/dev/stderr", "to the other\n");
  console.log("framed");
  return 1;
}
const WAYS: Record<string, () => unknown> = {
  closed: () => closeSync(1),
  bothClosed: () => { closeSync(1); closeSync(2) },
  file: () => { closeSync(1); return openSync("/dev/null", "w") },
  read: () => { closeSync(1); return openSync("/dev/null", "r") },
  both: () => { closeSync(1); closeSync(2); openSync("/dev/null", "w"); return openSync("/dev/null", "w") },
  socket: () => new Socket({ fd: 1, readable: false, writable: true }).destroy(),
  endedSocket: () => new Promise((resolve) => new Socket({ fd: 1, readable: false, writable: true }).end("", () => resolve(1))),
  fileStream: () => new Promise((resolve) => createWriteStream("", { fd: 1 }).end(() => resolve(1))),
  ended: () => new Promise((resolve) => process.stdout.end(() => resolve(1))),
  destroyed: () => { process.stdout.destroy(); process.stderr.destroy() },
  handle: () => { (process.stdout as any)._handle.setBlocking(true); (process.stdout as any)._handle.close(); (process.stderr as any)._handle.close() },
  child: () => spawnSync("sh", ["-c", "exec 1>&- 2>&-"], { stdio: "inherit" }),
  replaced: () => { Object.defineProperty(process, "stdout", { value: process.stderr }) },
};
export async function loses({ way, big }: { way: string; big?: boolean }) {
  await WAYS[way]();
  console.error("after");
  return big ? "é".repeat(50_000) : way;
}
export const ways = () => Object.keys(WAYS);
export function seesFile() {
  closeSync(1);
  const file = openSync("/dev/null", "w");
  console.log("printed");
  return { file, isDevice: fstatSync(1).isCharacterDevice(), empty: readFileSync("/dev/null", "utf8") };
}
export async function children() {
  const child = spawn("sh", ["-c", `i=0; while [ $i -lt 300 ]; do printf '%01000d\\n' $i; i=$((i+1)); done`], { stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  for (let index = 0; index < 100; index++) {
    console.log("é".repeat(20_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await ended;
  return "é".repeat(100_000);
}
export const controls = () => console.log("\u0001".repeat(10_000) + "x".repeat(10_000) + "\u{1f600}".repeat(10_000));
