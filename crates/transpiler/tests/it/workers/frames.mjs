// Runs as it stands, too: what Node.js makes of it is what a worker has to make of it. Every line of what it returns is a trace.
const api = {};
api.load = function () { throw new Error("load") };
api.arrow = () => { throw new Error("arrow") };
const nested = { inner: { async wait() { await null; throw new Error("wait") } } };
class Shape {
  #secret() { return new Error("secret") }
  static made = new Error("static field");
  field = new Error("field");
  constructor(fail) { if (fail) throw new Error("constructor") }
  get area() { return new Error("getter") }
  static create() { return new Error("static method") }
  secret() { return this.#secret() }
  [Symbol.iterator]() { return new Error("symbol") }
}
class Sub extends Shape { constructor() { super(true) } }
function* generator() { yield new Error("generator") }
async function* later() { await null; yield new Error("async generator") }
var assigned;
assigned = function () { return new Error("assigned") };
export default (() => new Error("default"));
export const exported = () => new Error("exported");
export async function deep(level) { await null; if (level === 0) throw new Error("deep"); return await deep(level - 1) }
const thrown = async (run) => { try { return await run() } catch (error) { return error } };
const atTop = new Error("top");
const afterAwait = await (async () => { await null; return new Error("after await") })();
export async function main() {
  const { default: self } = await import(import.meta.url);
  const errors = [
    atTop, afterAwait, Shape.made, new Shape().field, new Shape().area, Shape.create(), new Shape().secret(), new Shape()[Symbol.iterator](),
    await thrown(() => new Sub()), await thrown(() => api.load()), await thrown(api.load), await thrown(() => api.arrow()),
    await thrown(() => nested.inner.wait()), generator().next().value, (await later().next()).value, assigned(), self(), exported(),
    await thrown(() => deep(3)), await thrown(() => Promise.all([1, 2].map(async function each() { await null; throw new Error("each") }))),
    [1].map(() => new Error("callback"))[0], [1].map(function named() { return new Error("named") })[0], new (class { x = new Error("anonymous class") })().x,
    Reflect.construct(function Old() { this.error = new Error("old") }, []).error, (() => new Error("called where it stands"))(),
    JSON.parse("{}", function reviver() { return new Error("reviver") }), await new Promise((done) => setTimeout(() => done(new Error("timer")), 1)),
    await new Promise((done) => queueMicrotask(() => done(new Error("microtask")))), await new Promise((done) => setImmediate(function soon() { done(new Error("immediate")) })),
  ];
  Error.stackTraceLimit = 2;
  errors.push(await thrown(() => deep(5)), (function one() { return (function two() { return (function three() { return new Error("limit") })() })() })());
  return errors.map((error) => error.stack);
}
