import { closeSync, openSync, readlinkSync } from "node:fs";

const broken = () => { throw new Error("vandalised") };

/** Replaces every method and accessor that can be replaced, except for the names in `keep`. */
function vandalise(target: any, keep: PropertyKey[] = []) {
  for (const key of Reflect.ownKeys(target)) {
    const found = Object.getOwnPropertyDescriptor(target, key)!;
    if (keep.includes(key) || key === "constructor" || !found.configurable) continue;
    if (found.get) Object.defineProperty(target, key, { ...found, get: broken });
    else if (typeof found.value === "function") Object.defineProperty(target, key, { ...found, value: broken });
  }
}
function vandaliseAll() {
  const targets = [
    RegExp.prototype, Map.prototype, Set.prototype, Promise.prototype, Date.prototype, Error.prototype, String.prototype, Number.prototype,
    JSON, Atomics, Math, Buffer.prototype, Buffer, TextEncoder.prototype, Number, String, Array, Date, Promise, Function.prototype, Array.prototype, Object.prototype,
  ];
  const reflect = Reflect;
  const [ownKeys, descriptor, define] = [reflect.ownKeys, Object.getOwnPropertyDescriptor, Object.defineProperty];
  for (let index = 0; index < targets.length; index++) {
    const keys = ownKeys(targets[index]);
    for (let place = 0; place < keys.length; place++) {
      const key = keys[place];
      const found = descriptor(targets[index], key)!;
      if (key === "constructor" || key === "__proto__" || !found.configurable) continue;
      const changed: any = { __proto__: null, configurable: true, enumerable: false };
      if (found.get) changed.get = broken;
      else if (typeof found.value === "function") changed.value = broken;
      else continue;
      define(targets[index], key, changed);
    }
  }
  const names = ownKeys(Reflect);
  for (let index = 0; index < names.length; index++) if (names[index] !== Symbol.toStringTag) (Reflect as any)[names[index]] = broken;
  const statics = ownKeys(Object).length && ownKeys(Object);
  for (let index = 0; index < statics.length; index++) if (typeof (Object as any)[statics[index]] === "function") define(Object, statics[index], { __proto__: null, value: broken } as any);
  const more: any[] = [globalThis, "JSON", "Reflect", "Map", "Set", "TypeError", "Uint8Array", "Int32Array", "Atomics", "TextEncoder", "Symbol"];
  for (let index = 1; index < more.length; index++) define(globalThis, more[index], { __proto__: null, value: undefined, configurable: true } as any);
}

export function objectToJson() {
  (Object.prototype as any).toJSON = () => "J";
  return [1, "plain"];
}
export function objectToJsonThrows() {
  (Object.prototype as any).toJSON = broken;
  throw new TypeError("the reason");
}
export function arrayToJson() {
  (Array.prototype as any).toJSON = () => "J";
  return { n: NaN, m: new Map([[1, 2]]) };
}
export function numberGetters() {
  Object.defineProperty(Array.prototype, "0", { set: broken, configurable: true });
  return { list: [NaN] };
}
export const everything = () => {
  const value = { n: NaN, list: [1, "a\ud800"], "a-b": Infinity };
  vandaliseAll();
  return value;
};
export const everythingPlain = () => {
  const value = { a: [1, "x"] };
  vandaliseAll();
  return value;
};
export async function everythingThenThrows() {
  const error = new Error("the reason");
  await null;
  vandaliseAll();
  throw error;
}
export function everythingThenExits() {
  const exit = process.exit;
  vandaliseAll();
  exit(3);
}
export function everythingThenPrints() {
  const out = process.stdout;
  vandaliseAll();
  out.write("printed\n");
  return 1;
}
export function arrayIterator() {
  const half = new Uint8Array([0xc3]);
  const value = new Map([["k", new Set([1n])]]);
  (Array.prototype as any)[Symbol.iterator] = broken;
  process.stdout.write(half);
  console.log("printed");
  console.log(new Error("shown"));
  return value;
}
export function fileSystem() {
  vandalise(process.getBuiltinModule("fs"));
  console.log("printed");
  return 1;
}
export function processMethods() {
  for (const name of ["reallyExit", "exit", "emit", "hrtime", "nextTick", "listenerCount", "off", "cwd"]) (process as any)[name] = broken;
  return 1;
}
export function promiseConstructor() {
  (Promise.prototype as any).constructor = 5;
  return 1;
}
export function countsReads() {
  let reads = 0;
  const proxy = new Proxy({ x: 1 }, { get: (target, key) => (key === "x" ? ++reads : undefined) });
  return { n: 1, get n2() { return this.n++ }, proxy, get toJSON() { reads += 10; return undefined } };
}
export async function throwsInHandler() {
  process.on("uncaughtException", () => {
    throw new Error("thrown while handling");
  });
  setImmediate(() => { throw new Error("first") });
  await new Promise(() => setTimeout(() => {}, 5000));
}
export function throwsInExitListener() {
  process.on("exit", () => { throw new Error("thrown at exit") });
  return 1;
}
export function floats() {
  Promise.reject(new Error("nobody waits for this"));
  Promise.reject("nor this");
  process.nextTick(() => { throw new Error("nor that") });
  const handled = Promise.reject(new Error("handled in the same turn"));
  Promise.resolve().then(() => handled.catch(() => {}));
  setTimeout(() => console.log("too late"), 0);
  setImmediate(() => console.log("too late"));
  return 1;
}
export function closesStdout() {
  console.log("before");
  closeSync(1);
  console.log("after");
  return 1;
}
export function reopensStdout() {
  closeSync(1);
  openSync("/dev/null", "w");
  return 1;
}
export function closesEveryWay() {
  // Not those of Node's own pipes, without which it crashes.
  const pipe = readlinkSync("/proc/self/fd/1");
  for (let fd = 1; fd < 100; fd++) try { if (readlinkSync(`/proc/self/fd/${fd}`) === pipe) closeSync(fd) } catch {}
  return 1;
}
export function replacesEveryDescriptor() {
  for (let fd = 0; fd < 100; fd++) try { closeSync(fd) } catch {}
  for (let fd = 0; fd < 100; fd++) openSync("/dev/null", "w");
  return 1;
}
export async function destroysStdout() {
  process.stdout.destroy();
  await null;
  console.log("q");
  await new Promise((resolve) => process.stdout.once("close", resolve).destroy());
  return process.stdout.destroyed;
}

export function stacksThatThrow() {
  (Error as any).prepareStackTrace = broken;
  throw new TypeError("the reason");
}
export function stacksThatLie() {
  (Error as any).prepareStackTrace = (error: unknown, sites: any[]) => ({ toString: broken, error, sites });
  vandalise(WeakMap.prototype);
  throw new TypeError("the reason");
}
export function stacksWithoutEnd() {
  (Error as any).prepareStackTrace = () => new Error("another").stack;
  (Error as any).stackTraceLimit = Infinity;
  throw new TypeError("the reason");
}
export function stacksTakenAway() {
  delete (Error as any).prepareStackTrace;
  (Error as any).stackTraceLimit = "none";
  throw new TypeError("the reason");
}
export function stacksRedefined() {
  Object.defineProperty(Error, "prepareStackTrace", { get: broken, set: broken });
  throw new TypeError("the reason");
}
export async function startsNothing() {
  (Array.prototype as any).push = broken;
  Object.defineProperty(Array.prototype, "1", { set: broken, configurable: true });
  (process as any).binding = broken;
  const { spawnSync } = process.getBuiltinModule("child_process");
  try { spawnSync("/bin/none", []) } catch {}
  return 1;
}
