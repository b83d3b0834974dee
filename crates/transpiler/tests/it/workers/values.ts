import { Readable } from "node:stream";

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
