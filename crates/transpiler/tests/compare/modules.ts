// Imports, exports, the top level.

// ---- every form of import of a built-in module
import path from "node:path";
import * as all from "node:path";
import { join, basename as base, default as again, posix } from "path";
import def, { sep } from "node:path";
import whole, * as ns from "node:url";
import "node:fs";
import {} from "node:os";
export const main = () => [path === again, all.join === join, base("/a/b.c"), def.sep === sep, whole.URL === ns.URL, all.default === path, posix === path, join("a", "..", "b")];

// ---- string names in imports and exports
import { "join" as j, "default" as d } from "node:path";
const f = () => 1;
export { f as "a name", f as "default", j as "é" };
export const main = () => [j("x", "y"), d.join === j];

// ---- a module namespace object
import * as path from "node:path";
export const main = () => { let m = ""; try { (path as any).join = 1 } catch (error) { m = (error as Error).name } return [Object.prototype.toString.call(path), Object.isExtensible(path), m, "join" in path, Object.keys(path).slice(0, 3), Reflect.has(path, "nope"), path["basename"]("a/b")] };

// ---- dynamic imports
export async function main() { const name = "node:path"; const { join } = await import(name); const fs = await import("fs"); const m = await import("node:path"); return [join("a", "b"), typeof fs.readFileSync, typeof fs.default.readFileSync, m === await import("path"), Object.prototype.toString.call(m), await import("no-such-package").catch((e) => e.code), await import("node:nope").catch((e) => e.code), (await import("data:text/javascript,export default 5")).default] }

// ---- dynamic import with options and expressions
export async function main() { const r = await import("data:application/json,{\"a\":1}", { with: { type: "json" } }); return [r.default, typeof (await import(`node:${"os"}`)).cpus, await import({ toString: () => { throw new Error("specifier") } } as any).catch((e) => e.message)] }

// ---- import.meta
export const main = () => [typeof import.meta, import.meta.url.startsWith("file:///"), import.meta.filename.endsWith("worker.mjs"), import.meta.dirname === import.meta.filename.slice(0, -"/worker.mjs".length), typeof import.meta.resolve, import.meta.resolve("node:fs"), Object.getPrototypeOf(import.meta), new URL("./x.txt", import.meta.url).pathname.endsWith("/x.txt"), import.meta?.url === import.meta["url"]];

// ---- no CommonJS names
export const main = () => [typeof require, typeof module, typeof exports, typeof __filename, typeof __dirname];
declare const exports: any;

// ---- createRequire
import { createRequire } from "node:module";
const require = createRequire(import.meta.url);
export const main = () => [require("path").join("a", "b"), require("node:fs") === require("fs"), (() => { try { require("nope") } catch (error: any) { return error.code } })(), require.resolve("fs")];

// ---- this and arguments at the top level
const top = [typeof this, this === undefined, (() => this)() === undefined];
let args = ""; try { args = typeof arguments } catch (error) { args = (error as Error).name }
export const main = () => [top, typeof globalThis, (0, eval)("this") === globalThis];

// ---- top level await
const a = await Promise.resolve(1);
const { b } = await { b: 2 };
for await (const x of [Promise.resolve(3)]) var c = x;
if (a) await new Promise((r) => setTimeout(r, 1));
export const d = await (async () => 4)();
const list = [await 5, ...await [6]];
export const main = () => [a, b, c, d, list];

// ---- live bindings of one's own exports
export let count = 0;
export function bump() { return ++count }
export { count as current };
export const main = () => { bump(); bump(); count += 10; return count };

// ---- hoisted functions before imports run
export const main = () => [first, helper()];
const first = helper();
import { sep } from "node:path";
function helper() { return sep }

// ---- a default function
// call: default {"n":2}
export default function (payload: { n: number }) { return payload.n * 2 }

// ---- a default function with a name that calls itself
// call: default {"n":5}
export default function factorial({ n }: { n: number }): number { return n < 2 ? 1 : n * factorial({ n: n - 1 }) }

// ---- a default arrow
// call: default
export default async () => "arrow";

// ---- a default class beside a function
export default class { static x = 1; y = 2 }
export const main = () => "beside";

// ---- a default expression with a name of its own
// call: default
const wrap = <F extends (...a: any[]) => any>(f: F) => (...a: any[]) => ["wrapped", f(...a)];
export default wrap(() => import.meta.url.slice(0, 5));

// ---- a default export by list
// call: default
function run() { return run.name }
export { run as default, run };

// ---- names of default exports
import { inspect } from "node:util";
export default (() => 1) as () => number;
const o = { default: () => 2 };
export const main = () => [o.default.name, inspect(o)];

// ---- exports renamed and called by the new name
// call: theOther {"x":1}
const one = (payload: object) => ["one", payload];
export { one as theOne, one as theOther };

// ---- an exported variable that is assigned later
// call: run
export let run: () => string;
run = () => "first";
run = () => "second";

// ---- exports of destructuring
export const { a, b: { c: [d = 5] }, ...rest } = { a: 1, b: { c: [] as number[] }, x: 9, y: 8 };
export const [e, , f = 7] = [1, 2];
export const main = () => [a, d, rest, e, f];

// ---- functions exported from an object
export const { main } = { main() { return this === undefined } };

// ---- re-exports of built-in modules
// call: joined
export { join, sep as separator } from "node:path";
export * as paths from "node:path";
export { default as fsDefault } from "node:fs";
import { join } from "path";
export const joined = () => join("a", "b");

// ---- a re-exported function is called
// call: basename "/x/y.txt"
export { basename } from "node:path";

// ---- generated names do not collide
const _a = 1, _b = 2, __extends = 3, _this = 4, _super = 5, _default = 6, _temp = 7, $w = 8, exports2 = 9, _usingCtx = 10, _jsx = 11, _defineProperty = 12;
export const main = () => { let x = ({ a: { b: 1 } } as any)?.a?.b; return [_a + _b + __extends + _this + _super + _default + _temp + $w + _usingCtx + _jsx + _defineProperty, x] };

// ---- globals may be shadowed at the top level
const process = "mine", console = "mine too", Object = 1, Promise = 2, Symbol = 3, JSON = 4, globalThis = 5;
export const main = () => [process, console, Object, Promise, Symbol, JSON, globalThis];

// ---- a function named like a global
function fetch() { return "my fetch" }
class Error { message = "my error" }
export const main = () => [fetch(), new Error(), (() => { try { null!.x } catch (e: any) { return [e instanceof Error, e.constructor.name] } })()];
declare global { interface Null {} }

// ---- directives and comments first
/* comment */ "use strict"; 'another';
// line
export const main = () => "ok"; // trailing

// ---- a module that throws when it loads
const fine = 1;
function broken(): never {
	throw new TypeError(`loading ${fine}`);
}
broken();
export const main = () => "never";

// ---- a module that rejects when it loads
await null;
await Promise.reject(new RangeError("late"));
export const main = () => "never";

// ---- a module that never finishes
await new Promise(() => {});
export const main = () => "never";

// ---- a missing export of a built-in module
import { nope } from "node:path";
export const main = () => nope;

// ---- imports are constant
import { join } from "node:path";
import * as os from "node:os";
export const main = () => { try { eval("join = 1") } catch (error) { return [(error as Error).name] } };

// ---- side effects happen in order
const log: string[] = [];
log.push("1");
import { sep } from "node:path";
class C { static { log.push("2") } }
enum E { A = log.push("3") }
namespace N { log.push("4") }
export default log.push("5");
export const main = () => [log, sep, E.A];
namespace N { export const x = log.push("6") }

// ---- process and its arguments
export const main = () => [process.argv.length, process.argv[1].endsWith("worker.mjs"), process.execArgv, process.title.length > 0, process.version.startsWith("v24"), process.release.name];

// ---- getBuiltinModule and builtinModules
import { builtinModules, isBuiltin } from "node:module";
export const main = () => [builtinModules.includes("fs"), isBuiltin("node:test"), process.getBuiltinModule("node:os") !== undefined, process.getBuiltinModule("nope") ?? "none"];

// ---- exported constants are there before the call
export const limits = { max: 5 } as const;
export const names: string[] = [];
names.push("pushed");
export const main = () => [limits, names];

// ---- export at the end of everything
const later = () => helper();
export { later as main };
var helper = () => "late";

// ---- an export list with trailing commas and comments
const a = () => "a", b = () => "b";
export { /* first */ a as main, // second
	b, };
export {};
export type {};
