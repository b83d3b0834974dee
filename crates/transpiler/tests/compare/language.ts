// The language that JavaScript is.

// ---- destructuring in all depths
export function main() {
	const { a, b: { c = 5, ...inner } = {} as any, ["d" + 1]: e = "e", ...rest } = { a: 1, b: { x: 1, y: 2 }, f: 6, g: 7 } as any;
	const [p, , q = 3, [r] = [4], ...[s, ...t]] = [1, 2, undefined, undefined, 5, 6, 7] as any;
	return [a, c, inner, e, rest, p, q, r, s, t];
}

// ---- destructuring assignment and swaps
export function main() {
	let a = 1, b = 2; const o: any = { list: [] };
	[a, b] = [b, a];
	({ x: o.x, y: o["y"], ...o.rest } = { x: 1, y: 2, z: 3 } as any);
	[o.list[0], o.list[2] = "default", ...o.tail] = [7] as any;
	[[a]] = [[9]];
	return [a, b, o];
}

// ---- the order of destructuring
const log: string[] = [];
const t = (name: string) => (log.push(name), name);
export function main() {
	const source = { get a() { t("get a"); return undefined }, get b() { t("get b"); return 1 } } as any;
	const target: any = {};
	({ [t("a")]: target[t("target a")] = t("default a"), [t("b")]: target[t("target b")] = t("default b") } = source);
	return [log, target];
}

// ---- destructuring parameters with defaults that see others
const f = ({ a = 1, b = a } = {} as any, [c, d = c] = [b] as any, e = () => a + d) => [a, b, c, d, e()];
export const main = () => [f(), f({ a: 5 }), f({}, [3])];

// ---- destructuring what cannot be
export function main() {
	const tries = [() => { const { x } = null as any }, () => { const [y] = {} as any }, () => { const { z: { w } } = {} as any }, () => { const [v] = undefined as any }];
	return tries.map((f) => { try { f(); return "ok" } catch (error) { return (error as Error).message } });
}

// ---- iterators are closed when destructuring ends early
const log: string[] = [];
const it = { [Symbol.iterator]() { let n = 0; return { next: () => ({ value: ++n, done: false }), return: () => (log.push("closed"), {}) } } };
export function main() { const [a, b] = it as any; const [...[]] = []; return [a, b, log] }

// ---- spread
export function main() {
	const o = { a: 1, get g() { return "got" }, [Symbol("s")]: 1 };
	return [{ ...o, a: 2 }, { a: 2, ...o }, { ...null, ...undefined, ...[7], ..."hi", ...5 as any }, [..."añ😀"], [...new Set([1, 1, 2])], Math.max(...[1, 5], ...[3]), [, 1, ...[2], ,].length];
}

// ---- object literals
export function main() {
	const a = 1, key = "k";
	const o = { a, [key + 1]: 2, "quoted-key": 3, 4: 5, 0x10: 6, 1e3: 7, .5: 8, m() { return this.a }, async am() {}, *g() {}, async *ag() {}, get x() { return 1 }, set x(v) {}, get: 1, set: 2, async: 3, await: 4, static: 5, new: 6, 1n: "big" };
	return [Object.keys(o), o.m(), o.x];
}

// ---- __proto__ in object literals
export function main() {
	const p = { inherited: 1 }; const __proto__ = 5;
	const a = { __proto__: p } as any, b = { ["__proto__"]: p } as any, c = { __proto__ } as any, d = { "__proto__": null } as any, e = { __proto__() { return 1 } } as any;
	return [a.inherited, Object.keys(a), b.inherited ?? "none", Object.keys(b), Object.keys(c), Object.getPrototypeOf(d), Object.keys(e)];
}

// ---- closures in loops
export function main() {
	const a: any[] = [], b: any[] = [], c: any[] = [];
	for (let i = 0; i < 3; i++) a.push(() => i++);
	for (var j = 0; j < 3; j++) b.push(() => j);
	for (const k of [1, 2]) c.push(() => k);
	for (const k in { x: 1, y: 2 }) c.push(() => k);
	for (let i = 0, f = () => i; i < 2; i++) c.push(f);
	return [a.map((f) => f()), a.map((f) => f()), b.map((f) => f()), c.map((f) => f())];
}

// ---- labels break and continue
export function main() {
	const log: any[] = [];
	outer: for (let i = 0; i < 3; i++) { inner: for (let j = 0; j < 3; j++) { if (j === 1) continue outer; if (i === 2) break outer; log.push([i, j]); continue inner } }
	block: { log.push("in"); if (log.length) break block; log.push("never") }
	a: b: c: for (;;) { break b }
	sw: switch (1 as number) { case 1: for (;;) break sw; default: log.push("no") }
	return log;
}

// ---- switch falls through and has one scope
export function main() {
	const go = (n: unknown) => { const log = []; switch (n) { default: log.push("d"); case 1: log.push(1); break; case NaN: log.push("nan"); case 2: { log.push(2) } case "3": let x = 5; log.push(x) } return log };
	return [go(1), go(2), go(NaN), go("3"), go("else")];
}

// ---- try catch finally decide the value
export function main() {
	const a = () => { try { return "try" } finally { log.push("finally") } };
	const b = () => { try { throw 1 } catch { return "catch" } finally { return "finally wins" } };
	const c = () => { for (;;) { try { return "lost" } finally { break } } return "after" };
	const d = () => { try { try { throw new Error("x") } finally { log.push("inner") } } catch ({ message }: any) { return message } };
	const log: string[] = [];
	return [a(), b(), c(), d(), log];
}

// ---- tagged templates
const seen = new Set<any>();
function tag(strings: TemplateStringsArray, ...values: unknown[]) { seen.add(strings); return [[...strings], strings.raw.slice(), values, Object.isFrozen(strings)] }
const same = () => tag`same ${1}`;
export const main = () => { same(); same(); return [tag`a${1}b\n${2}\u{41}`, tag`\unicode and \xerxes ${0}`.map((x: any) => Array.isArray(x) ? x.map(String) : x), String.raw`C:\n${1}`, seen.size, tag`${1}${2}`, (() => tag)()`x`, { t: tag }.t`y`, new (class { t = tag })().t`z`] };

// ---- optional chaining stops the whole chain
export function main() {
	const log: string[] = []; const o: any = { a: { b: () => "b", n: null }, f: undefined };
	const side = () => (log.push("side"), "k");
	return [o?.a?.b(), o.x?.[side()].deep.deeper ?? 1, o.f?.(side()) ?? 2, o.a.n?.x.y.z ?? 3, delete o?.a?.n, delete o.none?.x, o.a.b?.call(null), (o.x?.y)?.z ?? 4, o?.["a"]?.["b"]?.(), log, o.a];
}

// ---- optional calls keep this
class C { v = "this"; m() { return this?.v } get self() { return this } }
export function main() { const c: any = new C(); return [c.m?.(), c?.m(), c["m"]?.(), (c.m)?.(), (c?.m)(), c.self?.self.m?.(), c.none?.().x.y ?? "none", (0, c.m)?.() ?? "lost"] }

// ---- nullish coalescing and logical assignment
export function main() {
	const log: string[] = []; const o: any = { zero: 0, empty: "", nul: null, get g() { log.push("get"); return 1 }, set g(_) { log.push("set") } };
	o.zero ??= 5; o.zero ||= 6; o.empty &&= "no"; o.nul ??= "filled"; o.nope ??= (log.push("made"), "new"); o.g ??= log.push("not"); o.g ||= log.push("not"); o.g &&= 2;
	return [o.zero, o.empty, o.nul, o.nope, log, (null ?? (undefined || 0)) ?? 9, (0 || null) ?? "x"];
}

// ---- exponent and precedence
export const main = () => [2 ** 3 ** 2, (-2) ** 2, -(2 ** 2), 2 ** -1, (() => { let x = 3; x **= 2; return x })(), 10 % 4 ** 2, +"3" + +"4", - -1, 1 - -1, + +1, !-1, ~~3.7];

// ---- operators with side effects in order
const log: string[] = []; const v = (n: number) => ({ valueOf() { log.push(`v${n}`); return n } }) as any;
export function main() {
	const r = [v(1) + v(2) * v(3), v(4) < v(5), v(6) == 6, -v(7), v(8) ** v(9) > 0];
	const o: any = {}; let i = 0;
	o[i++] = i++; o[i++] += i; i += i++ + ++i;
	return [r, log, o, i];
}

// ---- comma void typeof delete in
export function main() { const o: any = { a: 1, [Symbol.iterator]: 1 }; let x: any = (1, 2, 3); return [x, void 0 === undefined, typeof undeclared, delete o.a, "a" in o, Symbol.iterator in o, !("b" in o), typeof null, typeof (() => 1), void (x = 9) ?? x] }
declare const undeclared: any;

// ---- BigInt
export const main = () => [String(2n ** 64n), (5n / 2n).toString(), typeof 1n, 1n < 2, 2n == 2 as any, 0n ? 1 : 2, String(-7n % 3n), BigInt.asIntN(8, 255n).toString(), 0xffn.toString(16), 1_000n.toString(), String(BigInt("0b101")), (() => { try { return (1n as any) + 1 } catch (error) { return (error as Error).message } })()];

// ---- number literals
export const main = () => [0b101, 0o17, 0xFF, 1_000_000.5_5, .5, 5., 1e3, 1E-2, 0.1 + 0.2, 9007199254740993, 1..toString(), 1.5.toFixed(), 0xf.toString(), 2e308 > 1, 5e-324, 0B1, 0O7, 0XaB];

// ---- string escapes
export const main = () => ["\x41\u0042\u{43}\u{1F600}", "a\
b", '\'"', "\0\b\v\f".length, "\q\/".length, `line
two`, "\u2028\u2029".length, "\ud83d\ude00" === "😀", "\ud800".isWellFormed(), " ".length, "tab	tab"];

// ---- template literals nest
export const main = () => { const f = (x: any) => `<${x}>`; return [`a${`b${`c${1 + 1}`}`}d`, `${f(`${{ a: `}` }.a}`)}`, `\`\${}\${`, `$${1}$`, `${"`"}`, `a${/* comment } */ 1}b`, `${[1, 2]}`, `multi
${1}
line`, `\u{41}\x42
`] };

// ---- conversions
export const main = () => [[] + [] as any, [] + {} as any, +[] as any, +{} + "" as any, "5" * "2" as any, "5" + 2, null + 1 as any, undefined + 1 + "" as any, true + true as any, [2] == 2 as any, null == 0 as any, "b" > "a", NaN != NaN, [1, [2, 3]] + "", `${{}}`, String(Symbol("s"))];

// ---- hoisting of functions and vars
export function main() {
	const before = [typeof f, typeof v, f()];
	var v = 1; function f() { return "f1" } { function f() { return "block" } } if (true) { function g() { return "g" } }
	return [before, f(), typeof g];
}
declare function g(): any;

// ---- the temporal dead zone
export function main() {
	const tries = [() => { x; let x = 1 }, () => { typeof y; const y = 1 }, () => { z = 1; let z }, () => { const w = w }, () => { new C(); class C {} }, (a = b, b = 1) => a, () => { switch (1 as any) { case 0: let q; break; case 1: q = 1 } }];
	return tries.map((f: any) => { try { return f() ?? "ok" } catch (error) { return `${error}` } });
}

// ---- constants cannot be assigned
export function main() {
	const a = 1; const tries: any[] = [() => { (a as any) = 2 }, () => { (a as any)++ }, () => { for (const i = 0; i < 1; (i as any)++) {} }, () => { for (const k of [1]) (k as any) = 2 }, () => { [(a as any)] = [1] }, () => { const f = function g() { (g as any) = 1 }; f() }];
	return tries.map((f) => { try { f(); return "ok" } catch (error) { return (error as Error).message } });
}

// ---- for in order and shadowing
export function main() {
	const o: any = Object.create({ inherited: 1, b: 0 }); o.b = 1; o[2] = 1; o[1] = 1; o.a = 1; const keys = [];
	for (const key in o) keys.push(key);
	for (const c in "ab" as any) keys.push(c);
	for (var k in null as any) keys.push("never");
	return [keys, k];
}

// ---- getters setters and descriptors
export function main() {
	const o: any = { get a() { return 1 }, set a(v) { this._a = v }, get ["b"]() { return 2 } };
	Object.defineProperty(o, "hidden", { value: 1 });
	let message = ""; try { o.hidden = 2 } catch (error) { message = (error as Error).message }
	o.a = 5; return [o, o.a, o._a, message, Object.getOwnPropertyDescriptor(o, "hidden")];
}

// ---- strict mode
export function main() {
	const tries: any[] = [() => { (undefinedGlobal as any) = 1 }, () => delete (Object as any).prototype, () => { (Object.freeze({ a: 1 }) as any).a = 2 }, () => (function (this: any) { return this })(), () => ("text" as any).prop = 1, () => (function f(this: any) { return (f as any).caller })()];
	return tries.map((f) => { try { return [typeof f()] } catch (error) { return (error as Error).message } });
}
declare let undefinedGlobal: any;

// ---- eval is strict and direct eval sees scope
export function main() { const local = 5; let g = 1; const r = eval("var inEval = local + 1; g = 7; inEval"); return [r, typeof inEval, g, (0, eval)("typeof local"), eval("(function () { return this === undefined })()"), new Function("a", "b = 2", "return a + b")(1), eval("1;;;{2}")] }
declare const inEval: any;

// ---- regular expressions
export function main() {
	const m = /(?<year>\d{4})-(?<month>\d\d)/u.exec("on 2024-05")!;
	return [m.groups!.year, m.index, "aBc".replace(/b/i, "[$&]"), "x-y".replace(/(?<l>\w)-(?<r>\w)/, "$<r>-$<l>"), /(?<=\$)\d+/.exec("a$42")![0], /^.$/su.test("\n"), "a1b2".split(/\d/), [..."a1b22".matchAll(/\d+/g)].map((x) => [x[0], x.index]), /\p{Lu}/u.test("É"), /[\p{L}--[a-z]]/v.test("a"), /a/y.sticky, /b/d.exec("ab")!.indices![0], /[/]/.test("/"), /\//.source];
}

// ---- regular expressions of late
export const main = () => [/(?i:a)b/.test("Ab"), /(?i:a)b/.test("AB"), /(?<n>a)|(?<n>b)/.exec("b")!.groups!.n, /^\p{RGI_Emoji}$/v.test("👨‍👩‍👧"), /[[a-z]&&[aeiou]]/v.test("b"), new RegExp("a", "dgimsuy").flags];

// ---- lastIndex and sticky matches
export function main() { const g = /a/g, y = /a/y; const r: any[] = []; for (let i = 0; i < 3; i++) r.push(g.test("aXa"), g.lastIndex, y.test("aXa"), y.lastIndex); return [r, "aaa".replaceAll("a", (m, i) => `${i}`)] }

// ---- symbols
export function main() { const s = Symbol("d"), o = { [s]: 1, [Symbol.for("shared")]: 2 }; return [s.description, s.toString(), Symbol.for("shared") === Symbol.for("shared"), Symbol.keyFor(Symbol.for("shared")), Object.getOwnPropertySymbols(o).length, JSON.stringify(o), (() => { try { return `${s as any}` } catch (error) { return (error as Error).message } })()] }

// ---- Proxy and Reflect
export function main() {
	const log: string[] = [];
	const p: any = new Proxy({ a: 1 } as any, { get: (t, k, r) => (log.push(`get ${String(k)}`), Reflect.get(t, k, r)), has: (t, k) => (log.push(`has ${String(k)}`), k in t), deleteProperty: (t, k) => (log.push(`delete ${String(k)}`), Reflect.deleteProperty(t, k)), ownKeys: (t) => (log.push("keys"), Reflect.ownKeys(t)) });
	p.a; "b" in p; delete p.a; Object.keys(p); ({ ...p }); p?.x?.y;
	return log;
}

// ---- getters of arguments objects
export function main(this: unknown) {
	function f(a: any, b = 2) { arguments[0] = 9; return [a, arguments.length, Array.isArray(arguments), [...arguments]] }
	const g = function () { return (() => arguments[0])() } as any;
	return [f(1), g("outer"), (function () { return typeof arguments.callee === "x" } as any).name];
}

// ---- dates as text
export const main = () => [new Date(0), new Date(2024, 1, 29, 12).toISOString(), new Date("2024-02-30").getTime() || "invalid", Date.UTC(2000, 0), new Date(86400000).getDay(), String(new Date(0)), new Date("2020-01-01T00:00:00+02:00").toJSON()];

// ---- JSON edge cases
export const main = () => [JSON.stringify({ u: undefined, f() {}, n: null, d: new Date(0), nested: [undefined, () => 1], nan: NaN }), JSON.stringify("\u2028\ud800"), JSON.parse('{"__proto__": 1, "a": [1, 2]}', (k, v) => (k === "a" ? v.length : v)), JSON.stringify({ a: [1, { b: 2 }] }, null, 2), JSON.stringify({ a: 1, b: 2 }, ["b"]), JSON.stringify({ toJSON: (k: string) => `key:${k}` }), (() => { try { JSON.parse("{bad") } catch (error) { return (error as Error).name } })()];

// ---- do while and empty statements
export function main() { let i = 0; do i++; while (i < 3) ; ; ;; do { i += 10 } while (false) i++; for (;;) { if (i > 15) break; i++ } while (i > 20) i--; if (i) ; else i = 0; return i }

// ---- in inside a for head
export function main() { const log: any[] = []; const o = { a: 1 }; for (let i = ("a" in o) ? 1 : 0; i < 2; i++) log.push(i); for (const k in ("a" in o, { x: 1 })) log.push(k); for (let f = (x = ("b" in o)) => x, i = 0; i < 1; i++) log.push(f()); for (const x of [("a" in o)]) log.push(x); return log }

// ---- async of let and others as identifiers
export async function main() { var of = [1], async = (x?: any) => x ?? "called", from = 2, get = 3, set = 4, as = 5; let target = 6; async(1); const list = []; for (of of [[7]]) list.push(of); for ((async) of [8] as any) list.push(async as any); for (var as of [9]) list.push(as); return [list, from + get + set + target] }
