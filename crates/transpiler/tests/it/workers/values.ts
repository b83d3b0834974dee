import { createHash, createSecretKey } from "node:crypto";
import { createServer, Socket } from "node:net";
import { Readable, Writable } from "node:stream";
import { runInNewContext } from "node:vm";
import { MessageChannel } from "node:worker_threads";

export const plain = () => ({
  a: [1, -0.5, "é\u2028", "😀", true, null, [], {}],
  inherited: Object.assign(Object.create(null), { own: 1 }),
  date: new Date("2026-01-02T03:04:05Z"),
  gone: undefined,
});
export async function nothing() {}
export const holes = () => ({ list: [, 1, undefined, ,], gone: undefined });
export const numbers = () => ({ nan: NaN, list: [Infinity, -Infinity, -0], big: 12345678901234567890n });
export const functions = () => ({ f() {}, [Symbol("key")]: 1, list: [() => 1, Symbol("s")], kept: 1 });
export const aFunction = () => () => 1;
export const collections = () => ({
  map: new Map<unknown, unknown>([["a", 1], [{ k: 2 }, new Map([["b", 3n]])]]),
  set: new Set<unknown>([1, new Set([2])]),
  weak: new WeakMap(),
});
export const bytes = () => ({
  buffer: Buffer.from("hi"),
  array: new Uint8Array([1, 2, 255]),
  wide: new Uint16Array([1, 2]),
  raw: new ArrayBuffer(2),
  view: new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2),
});
export const bareBytes = () => new Uint8Array([1, 2]);
export const dates = () => ({ good: new Date(0), bad: new Date("nonsense") });
export const errors = () => ({ e: new RangeError("far", { cause: new Error("near") }) });
export const circles = () => {
  const shared = { x: 1 };
  const root: any = { a: { b: [{}] }, twice: [shared, shared] };
  root.a.b[0].root = root;
  root.a.b[0].a = root.a;
  return root;
};
export const throwing = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return {
    get getter() { throw new Error("no getter") },
    kept: 1,
    revoked: proxy,
    proxy: new Proxy({}, { ownKeys: () => ["seen"], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }), get: (_, key) => key === "seen" || undefined }),
    refuses: { toJSON() { throw new Error("no toJSON") } },
  };
};
export const toJson = () => ({
  custom: { toJSON: () => ({ x: new Set([2n]) }) },
  url: new URL("https://example.com/a?b"),
  boxed: [Object(1), Object("s"), Object(true)],
});
export const deep = () => {
  let value: unknown = 1;
  for (let level = 0; level < 100_000; level++) value = level % 2 ? [value] : { a: value };
  return value;
};
export const web = () => ({
  headers: new Headers({ "content-type": "text/plain" }),
  query: new URLSearchParams("a=1"),
  regexp: /x/g,
  generator: (function* () { yield 1 })(),
  promise: Promise.resolve(1),
  stream: new ReadableStream(),
  nodeStream: Readable.from(["a"]),
});
export const response = () => new Response("hello", { status: 201, headers: { "x-a": "b" } });
class Point { constructor(public x: number) {} get derived() { return 1 } method() {} }
class Pretender { y = 2; get [Symbol.toStringTag]() { return "Map" } }
export const instances = () => ({
  point: new Point(1),
  pretender: new Pretender(),
  bare: Object.assign(Object.create({ inherited: 1 }), { z: 3 }),
  proto: JSON.parse('{"__proto__":1}'),
});
export const surrogates = () => "a\ud800b\\ud800";
export const many = () => Array.from({ length: 100 }, () => NaN);
export const vandal = () => {
  const broken = () => { throw new Error("vandalised") };
  for (const target of [JSON, Object, Array.prototype, String.prototype, Promise.prototype, Buffer, process, Date, Map.prototype]) {
    for (const name of ["stringify", "keys", "then", "from", "now", "hrtime", "reallyExit", "exit", "slice", "replace", "includes", "join", "emit", "byteLength"]) {
      if (name in target && !(target as unknown === process && (name === "emit" || name === "reallyExit" || name === "exit"))) (target as any)[name] = broken;
    }
  }
  return { fine: 1n };
};
export const iterators = () => {
  const map = new Map([["a", 1]]);
  const headers = new Headers({ x: "y" });
  return {
    keys: map.keys(), values: map.values(), entries: map.entries(), set: new Set([1]).values(), array: [1].entries(), text: "ab"[Symbol.iterator](),
    matches: "aba".matchAll(/a/g), query: new URLSearchParams("a=1").entries(), headers: headers.entries(),
    segments: new Intl.Segmenter().segment("a")[Symbol.iterator](),
    helper: [1].values().map((one) => one), wrapped: Iterator.from({ next: () => ({ done: false, value: 1 }) }), asynchronous: (async function* () {})(),
  };
};
class Hidden { #x = 1 }
export const mute = (): Record<string, unknown> => ({
  hidden: new Hidden(), controller: new AbortController(), signal: AbortSignal.abort(), event: new Event("e"), custom: new CustomEvent("c", { detail: 1 }),
  blob: new Blob(["b"]), file: new File(["f"], "n"), readable: new ReadableStream(), writable: new WritableStream(), transform: new TransformStream(),
  nodeWritable: new Writable(), socket: new Socket(), port: new MessageChannel().port1, key: createSecretKey(Buffer.from("k")),
  numbers: new Intl.NumberFormat("en"), collator: new Intl.Collator(), segmenter: new Intl.Segmenter().segment("a"), pattern: new URLPattern({ pathname: "/a" }),
  module: new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])), memory: new WebAssembly.Memory({ initial: 1 }),
  weakMap: new WeakMap(), weakSet: new WeakSet(), weakRef: new WeakRef({}), registry: new FinalizationRegistry(() => {}),
  decoder: new TextDecoder(), crypto: globalThis.crypto, proxyOfMap: new Proxy(new Map([[1, 2]]), {}), proxyOfDate: new Proxy(new Date(), {}),
  silentProxy: new Proxy({}, { get: () => 1 }), promise: Promise.resolve(1), generator: (function* () {})(), symbol: Object(Symbol("s")),
  request: new Request("https://example.com/a"), response: new Response("r"), invalid: new Date(NaN), foreignInvalid: runInNewContext("new Date(NaN)"),
  math: Math, json: JSON, disposables: new DisposableStack(),
});
export const muteAlone = ({ name }: { name: string }) => ({ it: mute()[name] });
export const muteNames = () => Object.keys(mute());
export const seen = () => {
  const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"], ["set-cookie", "c=3"], ["x-a", "1"], ["x-a", "2"]]);
  const form = new FormData();
  form.append("a", "1");
  form.append("a", "2");
  class Named extends Map { get [Symbol.toStringTag]() { return "Other" } }
  return {
    headers, form, request: new Request("https://example.com/", { method: "POST", body: "b", headers: { a: "b" } }),
    named: new Named([[1, 2]]), foreignMap: runInNewContext("new Map([[1, new Set([2])]])"), foreignObject: runInNewContext("({ a: 1n })"), foreignEmpty: runInNewContext("({})"),
    bare: Object.create(null), empty: {}, shared: new SharedArrayBuffer(1), proxyOfArray: new Proxy([1, 2n], {}), server: typeof createServer,
  };
};
export const cookies = () => {
  const response = new Response("x");
  response.headers.append("set-cookie", "a=1; Path=/");
  response.headers.append("set-cookie", "b=2; Path=/");
  return response;
};
export const binaryResponse = () => new Response(new Uint8Array([255, 0]));
export const usedResponse = async () => {
  const response = new Response("x");
  await response.text();
  return response;
};
export const hash = () => ({ hash: createHash("md5") });
