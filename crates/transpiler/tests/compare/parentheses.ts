// Parentheses and spaces that a printer must keep, and those that it may drop.

// ---- functions classes and objects in front
export const main = () => {
	const log: any[] = [];
	(function () { log.push("f") })(); (class { static { log.push("c") } }); ({}).toString(); ({ m() { log.push("m") } }).m(); (async function () { log.push("a") })(); (function* () {})().next(); (() => { log.push("arrow") })(); ({ a: log.a } = { a: 1 } as any); [log.b] = [2] as any; ({}).x ??= 1; (class A { static n = log.push("n") }).name; `t`.length; (function () {}).name.length; (class {}).prototype; new (class { constructor() { log.push("new") } })(); (async () => { log.push("aa") })(); (let2)[0]; ({} as any)[log.push("k")] = 1;
	return [log, (log as any).a, (log as any).b];
};
const let2 = [1]; declare global { interface Array<T> { a: any; b: any } interface Object { x?: any } }

// ---- arrow bodies in front of members and operators
const a = () => ({}).toString().length, b = () => ({ x: 1 }).x, c = () => ({ x: { y: 2 } })["x"].y, d = () => (({ z: 3 }) as any).z, e = () => ({ f: () => 4 }).f(), f = () => ({}) ? 5 : 6, g = () => (1, { h: 7 }).h, h = () => ({ i: 8 })?.i, i = () => ({}) && 9, j = () => ({ t: (s: any) => s[0] }).t`ten`, k = () => { ({}).x; return 11 }, l = () => (function () { return 12 })(), m = () => (class { static v = 13 }).v, n = () => [({ v: 14 })][0].v;
export const main = () => [a(), b(), c(), d(), e(), f(), g(), h(), i(), j(), k(), l(), m(), n()];

// ---- arrows and assignments as operands
export const main = () => { let x: any, y: any = 1; const f = (a: any) => a; return [((a: any) => a)(1), (x = 2) + 1, (x = y) ? 1 : 2, (() => 1) ? "f" : "n", ((a: any) => a) instanceof Function, typeof (() => 1), !(() => 1), (async (a: any) => a) instanceof Function, (f || (() => 2))(3), (x ||= 4) ?? 5, ((x, y), 6), (x = 7, y = 8), [x = 9, (10, 11)], { k: (12, 13) }, f((14, 15)), `${(16, 17)}`, (x => x).name, ((x) => x).length, (y ? (z: any) => z : null)!(18)] };

// ---- unary and update operators side by side
export const main = () => { let a = 1, b = 2; const v = { n: 5 }; return [- -a, + +a, - +a, -(-a), +(-a), - --a, + ++a, a - -b, a + +b, a - --b, a + ++b, a-- - b, a++ + b, !(!a), ~(~a), -(a + b), !(a && b), typeof (typeof a), void (0, 1) === undefined, -(b ** 2), (-b) ** 2, (+b) ** 2, (a++) ** 2, b ** -1, (typeof a) + 1, -v.n, !v["n"], -(-(-a)), - - -a, a < -b, a << -b, delete (v as any).n, (delete (v as any)["m"])] };

// ---- precedence that parentheses change
export const main = () => { const a: any = 2, b: any = 3, c: any = 4, n: any = null, o: any = { p: { q: 5 } }; return [(a + b) * c, a + (b * c), (a - b) - c, a - (b - c), a / (b * c), a ** (b ** a), (a ** b) ** a, (a, b) * c, (a || n) && c, a || (n && c), (n ?? a) || b, n ?? (a || b), (a && n) ?? c, !(a in { 2: 1 }), (!a) in { false: 1 }, !(o instanceof Object), (a < b) < c, a < (b < c), (a == b) == c, (a ? b : c) ? 1 : 2, a ? (b ? 1 : 2) : 3, (a | b) & c, a | (b & c), (a << 1) + b, a << (1 + b), (a & b) == c, a & (b == c) as any, -(a) + b, -(a + b), (a + b) + "x", a + (b + "x"), ("x" + a) + b, "x" + (a + b)] };

// ---- chains that parentheses end
export const main = () => { const o: any = { a: { b() { return this?.c ?? "no this" }, c: "c" }, n: null }, t = (f: () => any) => { try { return f() } catch (error) { return (error as Error).name } }; return [t(() => (o?.n).x), t(() => o?.n?.x.y.z), t(() => (o?.n?.x).y), t(() => (o?.a.b)()), t(() => (o?.a)?.b()), t(() => (o.a?.b)()), t(() => (0, o.a.b)()), t(() => (o.a.b)()), t(() => new (o?.a.b)() !== null), t(() => (o?.a).b()), t(() => o.n?.[(() => { throw 1 })()]), t(() => delete (o?.a).zz), t(() => (o?.["a"]!).c), t(() => (o.a!)?.c), t(() => typeof (o?.n).x), t(() => (await1 as any)?.())] };
const await1 = undefined;

// ---- callees of new
const o = { C: class { v = 1 }, f() { return o.C }, get g() { return { C: o.C } }, h: () => ({ k: class { v = 2 } }) };
export const main = () => [new o.C().v, new (o.f())().v, new (o.f())!().v, new o.g.C().v, new (o.h().k)().v, new (o["f"]()).prototype.constructor().v, new (o?.C)().v, new (class { v = 3 })().v, new (function (this: any) { this.v = 4 } as any)().v, new (o.C)().v, (new o.C).v, new (o.C, o.C)().v, new ((() => o.C)())().v, (new (o.f())).v, new (await5 as any)().v, typeof new (new (class { D = class { v = 6 } })().D)().v];
const await5 = class { v = 5 };

// ---- await and yield as operands
export const main = async () => { const p = Promise.resolve({ f: () => 1, v: [2] }), n = Promise.resolve(3); function* g(): any { const x = (yield 1) + (yield 2) * 2; const y = [yield, (yield 3), ...(yield [4])]; const z = yield (yield 5, 6); return [x, y, z, (yield) ? 1 : 2, `${yield "t"}`, (yield* [7]) ?? 8] } const it = g(); const seen = []; for (let i = 0; i < 12; i++) seen.push(it.next(i === 5 ? [i] : i).value); return [(await p).f(), (await p).v[0], await (await p).f(), -(await n), (await n) ** 2, 2 ** await n, await n + 1, await (n, n), !(await n), (await n) ? 1 : 2, (await p)?.v, new (await Promise.resolve(Set))().size, (await Promise.resolve(String.raw))`x`, [...(await p).v], { ...(await p) }.v, typeof (await p), await (async () => await n)(), (await import("node:path")).sep, seen] };

// ---- in within heads of for
export const main = () => { const o: any = { a: 1 }, log: any[] = []; for (var i = ("a" in o) ? 0 : 5; i < 1; i++) log.push("v"); for (let f = () => { return "a" in o }, n = 0; n < 1; n++) log.push(f()); for (let f = (x = ("a" in o)) => x, n = 0; n < 1; n++) log.push(f()); for (const k in ("b" in o, o)) log.push(k); for (const x of [("a" in o), !("b" in o)]) log.push(x); for (let x = [("a" in o)][0], y = { z: ("a" in o) }, n = 0; n < 1; n++) log.push(x, y.z); for (let x = `${"a" in o}`, n = 0; n < 1; n++) log.push(x); for (let c = class { static v = ("a" in o); static [("a" in o) ? "w" : "z"] = 1 }, n = 0; n < 1; n++) log.push(c.v, "w" in c); for (log[50] = ("a" in o); !log[51]; log[51] = true); for (const [x = ("a" in o)] of [[]] as any) log.push(x); for (let x = (("a" in o) && 1) || 2, n = 0; n < 1; n++) log.push(x); return log.filter((x) => x !== undefined) };

// ---- literals beside names
export const main = () => { const r = [1..toString(), 1.5.toString(), (1).toString(), 1e21.toString(), 0xff.toString(), (-1).toString(), -1 .valueOf(), 1_000 .toString(), 0.1.toFixed(1), "a".length, /a/.source.length, (/b/).flags, `c`.length, [1].length, 5n.toString(), (-5n).toString(), true.toString(), (null)?.x ?? "n", 4/2/1, 4 / +"2", typeof/x/, void/y/ === undefined, 1 in[1, 2], "a"in{ a: 1 }, /z/ instanceof RegExp, -0 === 0, 1 / -0, 1 /-0, .5 + 5., 0.0000001, 1e-7, 1e300 * 10, 123456789012345680000, 0.1 + 0.7]; return r.map((x) => (typeof x === "number" && !isFinite(x) ? String(x) : x)) };
declare global { interface Null { x: any } }

// ---- super and private operands with assignment operators
class A { static s = 1; v = 2; get g() { return 3 } m(x = 4) { return x } }
class B extends A { #p: any = null; #n = 5; static t = super.s ??= 6; run() { const log: any[] = [super.m?.(), super.m?.(7), super["m"](8), super.g ?? 9, (super.m)(10), super.nope?.(11) ?? "none", -super.g, super.g ** 2, typeof super.m, (super.m as any)!(12), `${super.g}`]; this.#p ??= 13; this.#n **= 2; this.#n ||= 14; this.#p &&= 15; (this.#p as any)++; --this.#n; log.push(this.#p, this.#n, (this.#p)?.toFixed(1), -this.#n, #p in this, !(#p in this), [this.#p, this.#n] = [16, 17], { p: this.#p, n: this.#n }, delete (this as any).v); ({ p: this.#p, ...this.#n } = { p: 18, q: 19 } as any); for (this.#n of [20, 21]); log.push(this.#p, this.#n); return log } nope: any }
export const main = () => [new B().run(), B.t];

// ---- statements without braces
export const main = () => { const log: any[] = []; let i = 0; if (i) if (i > 1) log.push(1); else log.push(2); else log.push(3); if (!i) { if (i > 1) log.push(4) } else log.push(5); if (i) for (;;) if (i) break; else continue; else log.push(6); for (const x of [1, 2]) if (x > 1) log.push(7); else for (const y in { a: 1 }) log.push(y); while (i < 2) if (i++) log.push(8); else log.push(9); do if (i--) log.push(10); else break; while (true); if (true) do log.push(11); while (false); else log.push(12); lbl: if (true) { if (true) break lbl; log.push(13) } else log.push(14); if (1) { function inBlock() { return 15 } log.push(inBlock()) } try { if (1) throw 16; else log.push(17) } catch (e) { if (e) log.push(e); else log.push(18) } finally { if (0); else log.push(19) } switch (1) { case 1: if (1) log.push(20); else break; default: log.push(21) } return log };

// ---- default exports that need parentheses
// call: default
export default (function () { return typeof arguments }) as () => string;

// ---- a default export that is a sequence
// call: default {"n":1}
export default (0, (payload: { n: number }) => payload.n + 1);

// ---- a default export that is an assertion of an arrow
// call: default
export default <() => string>(() => "asserted");

// ---- a default async generator is not called but its neighbour is
export default async function* () { yield 1 }
export async function main() { return "neighbour" }
