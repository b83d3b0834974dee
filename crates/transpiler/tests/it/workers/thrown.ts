import { runInNewContext } from "node:vm";

const broken = () => { throw new Error("a getter") };
const withGetter = (name: string) => Object.defineProperty(new Error("kept"), name, { get: broken, enumerable: true });
class HttpError extends Error {
  status = 404;
  details = { at: new Date(0), size: 1n };
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HttpError";
  }
}
class Tagged extends Error { get [Symbol.toStringTag]() { return "Something" } }
class Hidden { #x = 1 }
const inACircle = () => {
  const first: any = new Error("first");
  first.cause = new Error("second", { cause: first });
  first.self = first;
  return first;
};
const messageOf = (message: unknown) => Object.assign(new Error("before"), { message });

const THINGS: Record<string, () => unknown> = {
  // What is no error.
  promise: () => Promise.resolve(1),
  rejected: () => { const promise = Promise.reject(new Error("inner")); promise.catch(() => {}); return promise },
  thenable: () => ({ then() {} }),
  function: () => function named() {},
  noSymbolText: () => Symbol(),
  emptyText: () => "",
  bigint: () => 5n,
  number: () => NaN,
  list: () => [1, "a"],
  map: () => new Map([[1, 2]]),
  date: () => new Date(0),
  response: () => new Response("no", { status: 404 }),
  hidden: () => new Hidden(),
  nothing: () => ({}),
  mute: () => new Proxy(new Error("x"), { get: broken, ownKeys: broken, getPrototypeOf: broken, has: broken, getOwnPropertyDescriptor: broken }),
  // What is one.
  http: () => new HttpError("not found", { cause: "because" }),
  tagged: () => new Tagged("tagged"),
  abort: () => AbortSignal.abort().reason,
  foreign: () => runInNewContext("new RangeError('foreign')"),
  orphan: () => Object.setPrototypeOf(new Error("orphan"), null),
  frozen: () => Object.freeze(Object.assign(new Error("frozen"), { status: 1 })),
  system: () => { try { process.getBuiltinModule("fs").readFileSync("/none") } catch (error) { return error } },
  issues: () => Object.assign(new Error("invalid"), { issues: [{ path: ["a"], message: "Required" }] }),
  own: () => Object.assign(new Error("own"), { toJSON: () => "changed", [Symbol("s")]: 1, code: 42 }),
  aggregate: () => new AggregateError([new HttpError("one"), "two", null, ...Array.from({ length: 20 }, () => new Error("more"))], "several"),
  suppressed: () => new SuppressedError(new Error("close failed"), new Error("query failed"), "both"),
  circle: inACircle,
  circleInList: () => { const error = new AggregateError([], "list"); error.errors.push(error); return error },
  undefinedCause: () => new Error("cause", { cause: undefined }),
  getterCause: () => withGetter("cause"),
  getterMessage: () => withGetter("message"),
  getterName: () => withGetter("name"),
  getterStack: () => withGetter("stack"),
  getterCode: () => withGetter("code"),
  getterStatus: () => withGetter("status"),
  objectMessage: () => messageOf({ code: 42, detail: "quota" }),
  listMessage: () => messageOf(["a", 1]),
  numberMessage: () => messageOf(0),
  nullMessage: () => messageOf(null),
  mapMessage: () => messageOf(new Map([["k", 1n]])),
  errorMessage: () => messageOf(new Error("inner")),
  ownMessage: () => { const error: any = new Error("x"); error.message = error; return error },
  hiddenMessage: () => messageOf(new Hidden()),
};
export function thrown({ kind }: { kind: string }) { throw THINGS[kind]() }
export async function rejected({ kind }: { kind: string }) { await null; throw THINGS[kind]() }
export async function disposes() {
  await using database = { async [Symbol.asyncDispose]() { throw new Error("close failed") } };
  throw new Error("query failed");
}
export const settled = () => Promise.allSettled([Promise.reject(new TypeError("type")), Promise.reject(AbortSignal.abort().reason)]);
export const returned = () => ({ tagged: new Tagged("tagged"), foreign: THINGS.foreign(), http: new HttpError("h", { cause: new Error("c") }), circle: inACircle() });
export function throwsAndLeaves() {
  process.nextTick(() => {});
  throw new Error("thrown");
}
