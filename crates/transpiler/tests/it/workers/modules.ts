import { createHash } from "node:crypto";
import fs, { readFileSync } from "node:fs";
import * as path from "path";
import util, * as utilities from "node:util";
export { createHash as hash };

const order: string[] = [];
early();
function early() { order.push("call before definition"); return "early" }
enum Color { Red, Green = "g", Six = 2 * 3 }
namespace Space { export const one = 1; export function two() { return one + 1 } }
class Properties { constructor(readonly x: number, private y = 2) {} sum() { return Object.entries(this) } }
class Base { declare ghost: string; a; b = 1 }
const events: string[] = [];
function decorate(...args: any[]): any {
  if (args.length === 1) events.push(`class ${args[0].name}`);
  else if (typeof args[2] === "number") events.push(`param ${args[2]} of ${args[1]}`);
  else if (args[2]) {
    events.push(`method ${args[1]}`);
    const inner = args[2].value;
    args[2].value = (x: number) => `wrapped ${inner(x)}`;
  } else events.push(`property ${args[1]}`);
}
@decorate class Decorated {
  @decorate method(@decorate x: number) { return x }
  @decorate field = 1;
}
export function typescript() {
  return {
    enums: [Color.Red, Color[0], Color.Green, Color.Six],
    namespace: Space.two(),
    properties: [new Properties(1).x, (new Properties(1) as any).y, new Properties(1).sum()],
    fields: [Object.keys(new Base()), !("ghost" in new Base())],
    decorated: events,
    wrapped: new Decorated().method(5),
    satisfies: (1 as unknown as number) satisfies number,
  };
}
export const jsx = () => {
  const Item = (n: number) => <li key={n}>{n}</li>;
  return <ul id="x">{[1, 2].map(Item)}</ul>;
};
export async function using() {
  const seen: string[] = [];
  try {
    using a = { [Symbol.dispose]() { seen.push("sync a") } };
    await using b = { async [Symbol.asyncDispose]() { seen.push("async b") } };
    seen.push("body");
    throw new Error("body failed");
  } catch (error: any) {
    seen.push(`caught ${error.message}`);
  }
  try {
    using c = { [Symbol.dispose]() { throw new Error("dispose failed") } };
    throw new Error("body failed");
  } catch (error: any) {
    seen.push(`suppressed: ${error.error.message} over ${error.suppressed.message}`);
  }
  return seen;
}
const top = await Promise.resolve(42);
const self = typeof this;
export function bindings() {
  let strict = "";
  try { (Object.freeze({ x: 1 }) as any).x = 2 } catch (error: any) { strict = error.name }
  return {
    hoisted: early(), this: self, arguments: moduleArguments, strict, url: import.meta.url.slice(0, 5), top,
    require: typeof require, order: order.slice(0, 1),
  };
}
const moduleArguments = (() => typeof arguments)();
declare const require: unknown;
const arrow = () => 1;
export default function () { return "default" }
export function names(this: unknown) { return [names.name, fallback().name, arrow.name] }
const fallback = () => ({ default: () => 1 }).default;
export let assignedLater: () => string = () => "the first";
assignedLater = () => "the second";
const wrap = <T extends (...args: any[]) => any>(f: T) => f;
export const wrappedByACall = wrap(async () => "wrapped");
export async function imports() {
  let frozen = "", missing = "";
  try { (path as any).join = 1 } catch (error: any) { frozen = error.name }
  const name = "node:os";
  try { await import("./nope.js") } catch (error: any) { missing = error.code }
  return {
    named: readFileSync === fs.readFileSync, default: typeof fs.readFileSync === "function", namespace: path.join("a", "b") === "a/b",
    tag: Object.prototype.toString.call(path), keys: Object.keys(path).includes("join") && "default" in path, frozen,
    dynamic: typeof (await import(name)).cpus === "function", literal: (await import("node:fs")).readFileSync === readFileSync, missing,
    both: util.inspect === utilities.inspect,
  };
}




// Line numbers below are part of a test.
async function later() {
  await null;
  throw new Error("later");
}
function thrower() { return new Error("shown") }
export async function stacks() {
  class Local {}
  try {
    console.log(thrower());
    console.log(thrower().stack);
  } catch {}
  let async = "";
  try {
    await later();
  } catch (error: any) { async = error.stack }
  const original = Error.prepareStackTrace;
  Error.prepareStackTrace = (_, sites) => typeof sites[0];
  const sites = new Error().stack;
  Error.prepareStackTrace = original;
  return { async, sites };
}
