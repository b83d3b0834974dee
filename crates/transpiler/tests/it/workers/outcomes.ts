import { EventEmitter } from "node:events";

export function echo(...args: unknown[]) {
  return { payload: args[0], arguments: args.length };
}
export const length = (payload: string) => payload.length;
export async function logs() {
  console.log("out 1");
  console.error("err 1");
  process.stdout.write("out 2\nno line end");
  return "done";
}
export async function throws() {
  inner();
}
function inner(): never {
  const cause: Error = new Error("the cause");
  throw new TypeError("bad thing", { cause });
}
export function throwsAnything({ kind }: { kind: string }) {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const hostile = new Error("x");
  Object.defineProperty(hostile, "message", { get() { throw 1 } });
  Object.defineProperty(hostile, "stack", { get() { throw 2 } });
  const things: Record<string, unknown> = {
    string: "x",
    undefined: undefined,
    null: null,
    symbol: Symbol("sym"),
    object: { a: 1 },
    errorLike: { name: "Custom", message: "like an error" },
    getters: { get message() { throw new Error("no message") } },
    proxy: new Proxy({}, { get() { throw new Error("trap") } }),
    revoked: proxy,
    hostileError: hostile,
    system: Object.assign(new Error("no such file"), { code: "ENOENT" }),
    aggregate: new AggregateError([new Error("one"), new Error("two")], "several"),
  };
  throw things[kind];
}
export async function exits() {
  process.on("exit", (code) => console.log("on exit", code));
  console.log("before");
  process.exit(0);
}
export async function exitsLater() {
  console.log("before");
  setTimeout(() => process.exit(3), 1);
  await new Promise((resolve) => setTimeout(resolve, 5000));
}
export function exitsAtOnce() {
  console.log("before");
  (process as any).reallyExit(4);
}
export async function setsExitCode() {
  console.log("before");
  process.exitCode = 7;
  process.exit();
}
export function listensForExit() {
  process.on("exit", (code) => console.log("on exit", code));
}
export function hangs() {
  console.log("hanging");
  return new Promise(() => {});
}
export async function rejects() {
  Promise.reject(new Error("unhandled"));
  await new Promise((resolve) => setTimeout(resolve, 5000));
}
export async function rejectsWithAString() {
  Promise.reject("just text");
  await new Promise((resolve) => setTimeout(resolve, 5000));
}
export async function throwsLater() {
  setImmediate(() => { throw new Error("uncaught") });
  await new Promise((resolve) => setTimeout(resolve, 5000));
}
export async function emitsError() {
  setImmediate(() => new EventEmitter().emit("error", new Error("emitted")));
  await new Promise((resolve) => setTimeout(resolve, 5000));
}
export async function listensForErrors() {
  const seen: string[] = [];
  process.on("uncaughtException", (error) => seen.push(`uncaught: ${error.message}`));
  process.on("unhandledRejection", (reason: Error) => seen.push(`unhandled: ${reason.message}`));
  setImmediate(() => { throw new Error("one") });
  await new Promise((resolve) => setTimeout(resolve, 5));
  Promise.reject(new Error("two"));
  await new Promise((resolve) => setTimeout(resolve, 5));
  return seen;
}
export function floats() {
  setTimeout(() => console.log("too late"), 20);
  setInterval(() => {}, 1000);
  Promise.reject(new Error("nobody waits for this"));
  return 1;
}
export const notAFunction = Math.max(1, 2);
export const hugeArray = () => new Array(4_000_000_000);
