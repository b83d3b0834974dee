// What console and util.inspect print.

// ---- console.log formats
export function main() { console.log("a", 1, true, null, undefined, 5n, Symbol("s"), -0, NaN); console.log("%s|%d|%i|%f|%j|%o|%O|%c|%%|%x", "s", "4.5", 4.7, "1.5x", { a: 1 }, [1], { b: { c: {} } }, "css", "rest", 9); console.log(); console.log("%s", { toString() { return "own" } }, `multi\nline`); console.log("100%", "%s") }

// ---- streams apart
export function main() { console.log("out"); console.error("err %d", 1); console.warn("warn"); console.info("info"); console.debug("debug"); process.stdout.write("no newline"); process.stderr.write("raw\n"); process.stdout.write(Buffer.from(" bytes\n")); process.stdout.write("é".repeat(3) + "\n", "utf8", () => {}) }

// ---- groups counts and asserts
export function main() { console.group("outer", 1); console.log("in\ntwo lines"); console.groupCollapsed(); console.warn("deeper"); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("out"); console.count(); console.count("x"); console.count(); console.countReset(); console.count(); console.assert(true, "no"); console.assert(false, "failed %s", "x"); console.assert(false); console.countReset("nope") }

// ---- tables
export function main() { console.table([{ a: 1, b: "x" }, { a: 2, c: true }]); console.table([[1, 2], [3, 4]]); console.table([1, "two"]); console.table({ r1: { c: 1 }, r2: { c: 2 } }, ["c"]); console.table(new Map([["k", 1]])); console.table(5); console.table([]) }

// ---- dir and trace
export function main() {
	console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 });
	console.dirxml([1], { x: 1 });
	console.trace("traced %s", "here");
}

// ---- objects arrays and depth
export function main() { console.log({ a: 1, "b-c": [1, , 3], d: { e: { f: { g: 1 } } }, fn() {}, arrow: () => {}, async af() {}, *gen() {}, cls: class X {}, [Symbol("k")]: 1, get g() { return 1 }, set g(v) {}, n: null, u: undefined }); console.log([1, "a", [2, [3, [4, [5]]]]], [], {}, [[]], [undefined, null], Array(3), Object.create(null), Object.create({ x: 1 })); console.log(Array.from({ length: 120 }, (_, i) => i)); console.log("x".repeat(20), ["y".repeat(80), "z"]) }

// ---- classes and instances
class A { x = 1; #p = 2; static s = 1; get g() { return 1 } } class B extends A { y = [new A()]; [Symbol.toStringTag] = "Tag" } class E {} 
export function main() { console.log(new A(), new B(), A, B, new E(), [new E()], class extends A {}, Object.assign(() => {}, { p: 1 }), function named() {}, new (class {})(), new (class extends Map {})([[1, 2]]), Object.assign(new A(), { self: 1 })) }

// ---- collections and special values
export function main() { console.log(new Map<any, any>([["a", 1], [{ k: 1 }, [2]]]), new Set([1, "x", [2]]), new WeakMap(), new WeakSet(), Symbol.iterator, new Date(0), new Date(NaN), /re/gi, Promise.resolve(1), Promise.reject(2).catch(() => {}), new Promise(() => {}), (function* () {})(), new Proxy({ p: 1 }, {}), Object(1), Object("s"), Object(5n), new ArrayBuffer(2), new Uint8Array(3), Buffer.from("hi"), new DataView(new ArrayBuffer(1)), [1, 2][Symbol.iterator](), new Map([[1, 2]]).entries(), globalThis === global, JSON, Math, Reflect, new URL("http://a.b/c"), new URLSearchParams("a=1"), (function () { return arguments })(), new Error("e").message, new WeakRef({ a: 1 }), new Boolean(false)) }

// ---- circular and repeated references
export function main() { const o: any = { name: "o", list: [] }; o.self = o; o.list.push(o, { o }); console.log(o); const m = new Map(); m.set("m", m); console.log(m, [o.list]) }

// ---- strings inside objects
export function main() { console.log(["it's", 'say "hi"', `both ' and "`, "back`tick", "line\nbreak", "tab\t", "\u0000\u001b", "é😀", "\ud800", "\\"], { "key with space": 1, ok: 2, 3: 4, "é": 5 }) }

// ---- util.inspect options
import { inspect } from "node:util";
export const main = () => [inspect({ a: { b: { c: { d: {} } } } }, { depth: 1 }), inspect({ a: { b: 1 } }, { compact: false }), inspect({ b: 1, a: 2 }, { sorted: true }), inspect("x".repeat(30), { maxStringLength: 5 }), inspect([1, 2, 3], { maxArrayLength: 1 }), inspect({ a: 1, get b() { return 2 } }, { getters: true }), inspect({ a: [1] }, { colors: true }), inspect(new Map([["k", { a: 1 }]]), { showHidden: true }), inspect(new Proxy({ a: 1 }, {}), { showProxy: true }), inspect({ a: 123456.789 }, { numericSeparator: true }), inspect(Symbol("x")), inspect({ aaaaaaaaaaaaaaaaaaaa: 1, bbbbbbbbbbbbbbbbbbbbbb: 2, cccccccccccccccccccccc: 3, dddddddd: 4 }, { breakLength: 60 })];

// ---- objects that inspect themselves
import { inspect } from "node:util";
class Money { constructor(private n: number) {} [inspect.custom](depth: number, options: any, i: any) { return `Money<${this.n}>` } } class Deep { [inspect.custom]() { return { shown: 1 } } }
export function main() { console.log(new Money(5), [new Money(6)], { d: new Deep() }, `${inspect(new Money(7))}`); console.log("%s %o", new Money(8), new Money(9)) }

// ---- errors that are printed
class MyError extends Error { extra = 1; override name = "MyError" }
function make() {
	return new MyError("printed", { cause: new RangeError("cause") });
}
export function main() {
	console.log(make());
	console.error([new TypeError("in a list")]);
	console.log({ e: Object.assign(new Error("with code"), { code: "E1" }) });
	console.log("%s", new Error("as text"));
	const e = new Error("no stack"); e.stack = undefined; console.log(e);
	const f = new Error("own stack"); f.stack = "own stack text"; console.log(f);
	console.log(new AggregateError([new Error("one")], "many"));
}

// ---- enums and namespaces that are printed
enum E { A, B = "b" } namespace N { export const x = 1; export class C {} }
export function main() { console.log(E, N, E.A, [E.B]) }

// ---- functions that are printed by inspect
export function main() { console.log([() => {}, function () {}, async () => {}, function* g() {}, class {}, class Z extends Array {}, Math.max, (() => {}).bind(null), Object.assign(function f() {}, { x: 1 }), new Function("return 1")]) }

// ---- module namespaces that are printed
import * as sd from "node:string_decoder";
export async function main() { console.log(typeof sd, Object.keys(sd).sort(), Object.keys(await import("node:string_decoder")).sort()) }

// ---- a large text and many lines
export function main() { console.log("x".repeat(100_000).length, "é".repeat(40_000)); for (let i = 0; i < 50; i++) console.log(i, "line"); process.stdout.write("a\0b\r\nc\u2028d\n") }

// ---- console methods are bound and replaceable
export function main() { const { log, error } = console; log("bound"); [1, 2].forEach(console.log); const old = console.log; const seen: any[] = []; console.log = (...a: any[]) => { seen.push(a) }; console.log("caught", 1); console.log = old; console.log(seen); error("e") }

// ---- a console of one's own
import { Console } from "node:console"; import { PassThrough } from "node:stream";
export function main() { const out = new PassThrough(), c = new Console({ stdout: out, stderr: out, inspectOptions: { depth: 0 } }); c.log({ a: { b: 1 } }); c.error("e"); c.group(); c.log("g"); console.log(out.read().toString()); new Console(process.stdout, process.stderr).log("through"); console.log(typeof console.Console, Object.keys(console).slice(0, 5)) }

// ---- output after an error and before it
export async function main() { console.log("before"); queueMicrotask(() => console.log("micro")); await null; console.log("between"); throw new Error("after printing") }

// ---- streams of stdout
export async function main() { process.stdout.write("a"); await new Promise((r) => process.stdout.write("b\n", r)); console.log(process.stdout.writable, process.stdout.isTTY ?? "no tty", process.stdout.columns ?? "none", typeof process.stdout.fd, process.stdout.writableLength, process.stderr === process.stdout); process.stdout.end?.length }
