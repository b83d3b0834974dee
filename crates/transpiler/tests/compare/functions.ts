// Functions: names, lengths, arguments, this.

// ---- inferred names
const arrow = () => {}, expr = function () {}, named = function own() {}, cls = class {};
const o = { m() {}, p: () => {}, ["c" + 1]: () => {}, get g() { return 1 }, async a() {}, *gen() {}, [Symbol("sym")]: () => {}, "quoted key": () => {}, 5: () => {} };
let later; later = () => {};
const { d = () => {} } = {} as any, [e = function () {}] = [] as any;
const wrapped = ((() => {}) as () => void), parens = (function () {}), comma = (0, () => {}), cond = true ? () => {} : null;
export const main = () => [arrow, expr, named, cls, o.m, o.p, (o as any).c1, o.a, o.gen, later, d, e, wrapped, parens, comma, cond, o["quoted key"], o[5]].map((f: any) => f.name).concat(Object.getOwnPropertyDescriptor(o, "g")!.get!.name, (o as any)[Object.getOwnPropertySymbols(o)[0]].name);

// ---- names through assertions and operators
let a: any, b: any, c: any;
a ??= () => {}; b ||= function () {}; c = <any>(() => {});
const d = (() => {})!, e = (() => {}) satisfies Function, f = (() => {}) as any as Function;
const o: any = {}; o.prop = () => {}; o["x"] = () => {};
const g = [() => {}][0], h = (x = () => {}) => x.name, i = ({ y = () => {} } = {}) => y.name;
export const main = () => [a, b, c, d, e, f, o.prop, o.x, g].map((x) => x.name).concat(h(), i());

// ---- names of bound functions and of accessors and classes
class C { static #p() {} static p() { return C.#p.name } get v() { return 1 } static f = () => {}; #q = () => {}; q() { return this.#q.name } ["k" + 1] = () => {} }
export const main = () => [(() => {}).bind(null).name, C.p(), C.f.name, new C().q(), (new C() as any).k1.name, Object.getOwnPropertyDescriptor(C.prototype, "v")!.get!.name, new Function("a", "return a").name, (function () {}).name, (async () => {}).name];

// ---- length counts required parameters
export const main = () => [(a: any, b: any) => {}, (a: any, b = 1, c: any) => {}, (...r: any) => {}, (a: any, ...r: any) => {}, ({ a }: any, [b]: any) => {}, function (a?: number, b?: string) {}, function (this: any, a: number) {}, async (a: any) => {}, class { constructor(public a: any, b: any) {} }].map((f) => f.length);

// ---- arguments
function f(a: any, b = 2) { return [arguments.length, Array.from(arguments)] }
function outer(..._: any[]) { const inner = () => arguments; return [...inner()] }
const o = { m() { return arguments.length } };
export const main = () => [f(1), f(1, 2, 3 as never), outer(1, 2), o.m.apply(o, [1, 2, 3] as any), (function () { return typeof arguments })(), (function (...list: any[]) { return arguments.length === list.length } as any)(1, 2)];

// ---- default parameters have a scope of their own
let x = "outer";
function f(a = x, b = () => a, c = (a = "changed")) { var x: any; var a2 = a; return [a, b(), c, x ?? "undefined", a2] }
const g = (a: any, b = a, [c, { d = c } = {} as any] = [b] as any) => [a, b, c, d];
export const main = () => [f(), f("given"), g(1), g(1, 2), g(1, 2, [3, {}])];

// ---- this in every kind of call
function f(this: any) { return this === undefined ? "undefined" : typeof this }
const o = { f, arrow: () => typeof this, nested() { return [1].map(() => this === o)[0] } };
export const main = () => [f(), o.f(), (0, o.f)(), (o.f)(), o.arrow(), o.nested(), f.call(5), f.bind("s")(), [f][0](), new (f as any)() instanceof (f as any), f.apply(null), Reflect.apply(f, true, [])];

// ---- immediately invoked functions
export const main = () => [(function () { return 1 })(), (() => 2)(), (function () { return 3 }()), !function () { return 0 }(), void function () {}() ?? 4, new (class { v = 5 })().v, (async () => 6)() instanceof Promise, +(() => 7)()];

// ---- recursion and mutual recursion
const even = (n: number): boolean => n === 0 || odd(n - 1); function odd(n: number): boolean { return n !== 0 && even(n - 1) }
const fact = function self(n: number): number { return n < 2 ? 1 : n * self(n - 1) };
export const main = () => [even(10), odd(7), fact(10), (function deep(n: number): number { return n ? deep(n - 1) : 0 })(2000)];

// ---- too deep a recursion
export const main = () => { const f = (): number => 1 + f(); try { return f() } catch (error) { return [(error as Error).name, (error as Error).message] } };

// ---- functions as objects
function f() { return f.count++ } f.count = 5;
export const main = () => { f(); f(); return [f.count, Object.keys(f), typeof f.prototype, f.prototype.constructor === f, Object.getOwnPropertyNames(() => {}), f instanceof Function] };

// ---- getters on functions and call apply bind
export const main = () => { const add = (a: number, b: number, c = 0) => a + b + c; return [add.call(null, 1, 2), add.apply(null, [1, 2, 3]), add.bind(null, 10)(1), add.bind(null, 1, 2).length, Math.max.apply(null, [1, 9, 3]), Function.prototype.call.call(function (this: any) { return this }, 5 as any) == 5] };

// ---- closures share variables
const counter = () => { let n = 0; return { up: () => ++n, get value() { return n } } };
export const main = () => { const a = counter(), b = counter(); a.up(); a.up(); b.up(); return [a.value, b.value] };

// ---- functions in blocks are of the block
export const main = () => { const log: any[] = []; { log.push(f()); function f() { return "inner" } } try { log.push(f2()) } catch (error) { log.push((error as Error).message) } if (true) { function f2() {} } return log };
declare function f2(): any;

// ---- parameters of every shape without types
export const main = () => { const fs = [x => x, (x) => x, (x, y) => y, ({ x }) => x, ([x]) => x, (...x) => x, (x = 1) => x, async x => x, _ => _, $ => $, (x, ) => x, (a, b = a, { c } = { c: b }, ...d) => [a, b, c, d]]; return fs.map((f: any) => f.length).concat((fs.at(-1) as any)(1)) };

// ---- arrows that return objects and sequences
export const main = () => { const f = () => ({}), g = () => ({ a: 1 }).a, h = () => [], i = () => {}, j = () => { a: 1 }, k = () => (1, 2), l = () => void 0, m = () => ({ ...{ z: 1 } }), n = () => function () { return 1 }, o = () => async () => () => 5, p = () => class {}, q = () => ({}) as object, r = (): { a: number } => ({ a: 1 }); return [f(), g(), h(), i() ?? null, (j() as any) ?? null, k(), m(), n()(), p().name, q(), r()] };

// ---- the text of native functions
export const main = () => [Math.max.toString(), (class {}).toString.name, Function.prototype.toString.call(Array.prototype.map)];

// ---- new Function and eval make functions of the global scope
const hidden = 1;
export const main = () => [new Function("return typeof hidden")(), (0, eval)("typeof hidden"), eval("typeof hidden"), new Function("a = 1", "{ b }", "return a + b")(undefined, { b: 2 }), (() => { try { new Function("return }") } catch (error) { return (error as Error).name } })(), new (Object.getPrototypeOf(async () => {}).constructor)("return await 5")() instanceof Promise];

// ---- getter chains and callbacks keep order
const log: string[] = []; const t = (x: string) => (log.push(x), { f: (...a: any[]) => (log.push(`call ${x}`), { v: x }) } as any);
export const main = () => { t("a")["f"](t("b"), t("c"))[(log.push("key"), "v")]; return log };
