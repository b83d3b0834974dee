// Syntax that parsers get wrong.

// ---- lines that go on and lines that end
export function main() {
	let a = 1
	let b = a
	++b
	const c = a
	+ b
	const f = (x) => x
	;[1, 2].forEach((x) => { a += x })
	;(() => { a++ })()
	const t = f
	`tagged`
	return [a, b, c, t]
}

// ---- return break and throw end their lines
function f() {
	return
	1
}
function g() { for (let i = 0; ; i++) { if (i < 3) continue
	break
	i } return "g" }
export function main() {
	let x = 1
	x
	++
	x
	if (x) x++; else x--
	do x++; while (x < 5) x *= 2
	var y = 1, z
	= 2
	return [f() ?? "undefined", g(), x, y, z]
}

// ---- fields and statements that begin with brackets
class C {
	a = 1;
	["b"] = 2
	c = [1]
	;["d"] = 3
	e
	= 4
}
let o = { x: 1 }
let r = o
;({ x: r as any } = { x: 2 } as any)
export const main = () => [new C(), r, o]

// ---- regular expressions beside division
export function main() {
	let a = 8, g = 2, i = 2; const x: any = { a: 4 };
	const r = [a / g / i, a /g/ i, /g/.test("g"), (a) / 2, [4][0] / 2, x.a / 2, x["a"] /2/ 1, a++ / 2, `4` as any / 2, typeof /x/, !/x/.test("y"), a ? /a/.source : /b/.source, (() => /}/.test("}"))(), +/1/.source, x!.a! / 2];
	if (a) /re/.exec("re"); else /no/.exec("");
	{ } /block/.exec("");
	label: /labelled/g.exec("");
	for (const m of /o/g[Symbol.matchAll]("foo")) r.push(m.index);
	return [r, function () {} / 1 ? "n" : "nan", { } / 1 ? 1 : "object", /=/.source, a /= 2, /[/\]]+/.exec("]/")![0], ((a)) /1/ 1];
}

// ---- regular expressions after keywords and braces
export function main() {
	const f = function* (): any { yield /y/.source; yield/z/.source }; const g = () => { return /r/.source }, h = () => void /v/ ?? "void";
	switch (1 as any) { case /c/.lastIndex + 1: return [[...f()], g(), h(), typeof/t/, /in/ instanceof RegExp, delete (/d/ as any).x, [/a/, /b/].length, new RegExp(/n/).source, "x" in/i/, (() => { throw /t/ }) instanceof Function] }
}

// ---- generics and comparisons
export function main() {
	const f = (...x: any[]) => x, a = 1, b = 2, c = 3; const g = <T>(x: T) => x, h: any = { k: <T>(x: T) => [x] };
	return [f((a < b), c > (a)), f(a < b, b > c), g<number>(1), g<Array<number>>([1]), a < b === (b > a), a<b, b>a, h.k<string>("x"), g < 1 as any, new Map<string, Map<string, number>>().size, a<(b), f(a<b,b>=c), g<{ a: 1 }>({ a: 1 }), 8 >> 1 >>> 1, a < b && b > a, h?.k<number>(5), g<typeof a>(1), g<() => void>(() => {}) && 1];
}

// ---- arrows and conditionals
export function main() {
	const t = true, a = 1, b = (x: any) => x;
	return [t ? (a) : b, t ? (a) => a : b, (t ? (x: any) => x : b)(2), t ? (() => 3)() : 4, ((a) ? (b) : (c: any) => c)(5), t ? a ? 1 : 2 : 3, (t ? ({ a }: any) => a : b)({ a: 6 }), t ? [a] : (b), (t ? async (x: any) => x : b) instanceof Function, t ? function () {} : 1, (() => t ? (x: number): number => x : b)()(7)].map((x) => typeof x === "function" ? "function" : x);
}

// ---- chains of arrows
const add = (a: number) => (b: number): number => a + b, curry = <A>(a: A) => <B>(b: B) => async <C>(c: C) => [a, b, c] as const;
const nested = (f: (g: (h: number) => number) => number) => f((h) => h * 2), of = (async) => async, get = () => () => () => "deep";
export const main = async () => [add(1)(2), await curry(1)("b")(true), nested((g) => g(4)), of(1), get()()(), (a => b => c => a + b + c)(1)(2)(3), ((a, b) => ({ a, b }))(1, 2)];

// ---- comments everywhere
export /* a */ async /* b */ function /* c */ main /* d */ ( /* e */ payload /* f */ ? /* g */ : /* h */ any /* i */ ) /* j */ : /* k */ Promise /* l */ < /* m */ any /* n */ > /* o */ { // p
	const /* q */ x /* r */ = /* s */ 1 /* t */ , y = /* { */ 2 /* } */; /* u
	*/ return /* v */ [ /* w */ x /* x */ , // ]
		y /* " */, "/* not */", '// not', `/* ${/* c */ x} // */`, /\/\*/.source /* z */ ] /**/ /***/ /* * / */ ; // end
}

// ---- a comment with a line end after return
function f(): any { return /* one line */ 1 }
function g(): any { return /*
*/ 2 }
function h(): any { return ( // comment
	3 ) }
function i(): any { return /* removed type */ <any>4 }
function j(x: any): any { return x as // comment
	any }
export const main = () => [f(), g() ?? "undefined", h(), i(), j(5)];

// ---- types between return and its value
function f(x: any): any {
	return (
		// first
		x as unknown as
			{ a: number }
	).a;
}
const g = (x: any) => (
	/* c */ x satisfies any
);
function h(x: any) { return <
	any
>(x) }
function k(x: any) { throw <Error
>x }
export const main = () => { try { k(new Error("k")) } catch (error) { return [f({ a: 1 }), g(2), h(3), (error as Error).message] } };

// ---- identifiers in other scripts and with escapes
const café = 1, 名前 = "name", ñ = 2, \u0061bc = 3, \u{62}cd = 4, $ = 5, _ = 6, ಠ_ಠ = 7, 𝒳 = 8, ª = 9;
class Ünïcode { #prïvate = 1; get \u0078() { return this.#prïvate } }
export const main = () => ({ café, 名前, ñ, abc, bcd, $, _, ಠ_ಠ, 𝒳, ª, x: new Ünïcode().x, keys: { \u0069f: 1, "é": 2 }, l: ((o: any) => o.\u0061)({ a: 1 }) });

// ---- let and others as names in types and properties
type let1 = { let: 1; yield: 2; static: 3; await: 4; type: 5; of: 6; as: 7; is: 8 };
const o = { let: 1, yield: 2, static: 3, await: 4, type: 5, of: 6, as: 7, is: 8, async: 9, get: 10, set: 11, enum: 12, if: 13, null: 14, true: 15, new: 16, this: 17, typeof: 18 };
export const main = () => [o.let + o.yield + o.static + o.await + o.type + o.of + o.as + o.is + o.async + o.get + o.set + o.enum + o.if + o.null + o.true + o.new + o.this + o.typeof, { ...o }.if];

// ---- async as a name and as a keyword
var async: any = (x: any) => x ?? "called"; const o = { async, async2: async, async() { return "m" } }; 
var x = 1;
export async function main() { const g = async (x: any) => [x], h = async x => x, i = async function () { return 1 }, j = async () => await async(2), k = async ? 1 : 2; async = async; async
	function k2() { return "sync" } return [async(1), async(), await g(1), await h(2), await i(), await j(), k, o.async(), typeof k2(), { async: 1 }, async `t` && 1] }

// ---- get and set as names
const o = { get: 1, set: 2, get get() { return 3 }, set set(v) {}, get set2() { return 4 }, get() { return 5 }, set() { return 6 }, async get2() {}, "get x"() { return 7 }, get 5() { return 8 }, get "q"() { return 9 }, get [`t`]() { return 10 } } as any;
class C { get get() { return 1 } set set(v: any) { this._ = v } _ = 0; static get static() { return 2 } static set = 3; static async *get() { yield 4 } get async() { return 5 } }
export const main = () => { const c = new C(); c.set = 9; return [typeof o.get, typeof o.set, o.set2, o["get x"](), o[5], o.q, o.t, c.get, c._, C.static, C.set, c.async] };

// ---- numbers and dots
export const main = () => [1..toFixed(1), 1.0.toFixed(2), 1 .toFixed(3), (1).toString(), 1e3.toString(), 0x1F.toString(2), 1_0.5.toString(), .5.toString(), 5..constructor.name, 1?.5:2, true?.5:1, [1]?.[0], [1][0]?.toString()];

// ---- template literals in types and values
type A = `${string}-${number}`; type B = `a${"b" | "c"}d`;
const t: A = `x-1`, f = (x: `#${string}`) => x.slice(1);
export const main = () => [t, f(`#y`), `${`${`${1}`}`}`, `${(() => { return `}` })()}`, `${{}}`, `a${1}${2}b`, `\\${3}`, `$${4}$$`, `{${5}}`, `${"${6}"}`, `${/`/.source}`, `${function () { return "`" }()}`];

// ---- objects and blocks at the beginning of lines
export const main = () => { { a: 1 } ({}); ({ a: 1 }).a; +{}; ({}).toString; [{}][0]; let x: any = {}, y; ({ y } = { y: 2 }); ({}) as any; `t`; (function () {}); (class {}); ((async () => {})); (x as any).z = 1; (<any>x).w = 2; "string statement"; 'use strict'; -1; !0; new Date(); void 0; this; return [x, y] };

// ---- statements that begin with let like names
export const main = () => { const letter = 1, lets = 2, interfaces = 3, types = 4, enums = 5, declared = 6, asyncs = 7, news = 8, ofs = 9; letter; lets; interfaces; types; enums; declared; asyncs; news; return [letter, lets, interfaces, types, enums, declared, asyncs, news, ofs, ((inn) => inn)(1)] };

// ---- optional chaining beside conditionals
export const main = () => { const a: any = { b: [1] }, c = 0.5; return [a?.b, a?.5:1, a ?.5 : 1, a?.b?.[0], a?.["b"]?.[0] ? .25 : 1, a?.b ?? .5, a.b?.length?.toFixed?.(1), !a?.b, typeof a?.c, -a?.b?.[0], a.b[0]++ , a.b, delete a?.q, new (a?.K ?? Map)().size, (a?.b as any)[0], a?.b![0], (a?.b)!.length] };

// ---- new with and without parentheses
class A { v = 1; static B = class { w = 2; static C = () => ({ X: class { y = 3 } }) }; m() { return A } }
export const main = () => [new A, new A().v, new A.B, new A.B().w, new (A.B.C().X)().y, new (new A().m())().v, new (class { z = 4 }), new A!().v, new (A as any)().v, new (<any>A)().v, new A["B"]().w, typeof new A, new Map<string, string>([["a", "b"]]).get("a"), new Array<number>(3).length, new A instanceof A, !new A, [new A, new A].length];

// ---- casts in front of calls and members
export const main = () => { const f: any = (x: any) => ({ x, g: () => x }); return [(f as any)(1).x, (<any>f)(2).g(), (f!)(3).x, f!(4)!.x!, ((f as any) satisfies any)(5).x, (f(6) as any).g!(), (f as (x: number) => any)?.(7).x, ((f)) (8).x, (f as any).name, (await1 as any), -(f(9).x as number), (f(1) as any)["x"], `${f(2).x as any}`, [...(f([3]).x as any)], { ...(f({ a: 4 }).x as any) }] };
const await1 = 1;

// ---- precedence of unary operators with types
export const main = () => { let x: any = "3"; return [+x as any, -<any>x, !x!, typeof x as string, typeof (x as string), void (x as any) === undefined, ~x as any, (x as any)++ as any, +(x satisfies any), - -x, !!x as boolean, (x as number) ** 2, await2() as any] }; function await2() { return 1 }

// ---- in and instanceof with parentheses
export const main = () => { const o: any = { a: 1 }; return ["a" in o, !("a" in o), ("a" in o) in { true: 1 }, "b" in o || "a" in o, o instanceof Object && "a" in o, [1] instanceof Array === true, (() => "a" in o)(), "a" in (o as any), "a" in o!, !(o instanceof Map), (o as any) instanceof Object] };

// ---- sequences and commas
export const main = () => { let a, b; for (a = 0, b = 5; a < b; a++, b--); const o = { x: (1, 2), y: [(3, 4)], }; const f = (...x: any[]) => x; return [a, b, o, f((5, 6), 7,), [, 1, , 2, ,].length, [...[1,],], (a = 1, b = 2, a + b), ((x, y,) => x + y)(1, 2,)] };

// ---- else belongs to the nearest if
export const main = () => { const f = (a: boolean, b: boolean) => { if (a) if (b) return 1; else return 2; return 3 }; const g = (a: boolean, b: boolean) => { if (a) { if (b) return 1 } else return 2; return 3 }; const h = (a: number) => { if (a) for (;;) if (a > 1) return "x"; else return "y"; else return "z" }; return [f(true, true), f(true, false), f(false, true), g(true, false), g(false, false), h(0), h(1), h(2)] };

// ---- while with odd bodies
export const main = () => { let i = 0; while (i++ < 3); do ; while (i++ < 6); for (; i < 10;) i++; for (const _ of [1, 2]) ; for (const _ in {}) ; if (i) { } else { } ; lbl: { i++; } ; ; return i };

// ---- operators without spaces
export const main = () => { let a=1,b=2; const c=a+++b,d=a- -b,e=a+ +b,f=a-(-b),g=!!a,h=a<b?a:b,i=a>b||a<b,j=a&b|a^b,k=a<<b>>1,l=a**b**1,m=a?.5:1,n=~-a,o=+-+a,p=typeof-a,q=void-a,r=a%b/a*b,s=[...[a]],t=(a,b); return[a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q??0,r,s,t] };

// ---- strings as directives that are not
export function main() { "use something else"; "use strict"; ("not a directive"); const f = function () { "use strict"; return this }; return [f() === undefined, "use\x20strict"] }

// ---- escapes in property names and strings
const o = { "a\nb": 1, "\x63": 2, 'd"e': 3, "\u{1F600}": 4, "": 5, "a-b": 6, "0": 7, "-1": 8, 1e21: 9, 0.1: 10, [`\``]: 11, "constructor": 12 };
export const main = () => [o, Object.keys(o), o["a\nb"], o.c, "\
", '\'', "\"", "\\", "\u2028", "	"];

// ---- html like comments are not comments in a module
export const main = () => { let a = 3; const b = 1; return [a-- > b, a --> b, b <! --a as any ? 1 : 2, "<!-- text -->"] };
// ---- an import and an export on one line
import { sep } from "node:path"; export const a = sep; const b = a; export { b }; export function main() { return [a, b] } export type X = 1; export default b;

// ---- labels named like keywords of types
export const main = () => { type: for (;;) { break type } declare: { break declare } async: for (const x of [1]) continue async; of: do break of; while (1); get: for (;;) { break get } return "ok" };

// ---- destructuring with types and odd defaults
const { a = 1 as number, b: { c } = <any>{ c: 2 }, ...d }: { a?: number; b?: any; [k: string]: any } = { e: 3 };
const [f = "x" as string, [g] = [4]!]: [string?, number[]?] = [];
export const main = ({ h = 5, i: [j = 6] = [] }: { h?: number; i?: number[] } = {}, k: any = null!) => [a, c, d, f, g, h, j, k];

// ---- catch without and with patterns and types
export const main = () => { const log: any[] = []; try { throw 1 } catch { log.push("none") } try { throw { m: 2, l: [3] } } catch ({ m, l: [x] }: any) { log.push(m, x) } try { throw 4 } catch (e: unknown) { log.push(e as number) } try { throw [5] } catch ([e]) { log.push(e) } try { } finally { log.push("f") } return log };

// ---- a class in every position
export const main = () => [class {}.name, (class A {}).name, new class { x = 1 }().x, new (class extends (class { y = 2 }) {})().y, [class {}].length, { C: class {} }.C.name, typeof class {}, (() => class {})().name, class { static v = 3 }.v, class<T> { t?: T }.length, (class implements Iface {}).name];
interface Iface {}

// ---- a class that extends odd expressions
const o = { B: class { b = 1 } }, f = () => o.B;
export const main = () => [new (class extends o.B {})().b, new (class extends f() {})().b, new (class extends (f(), o.B) {})().b, new (class extends o["B"] {})().b, new (class extends class { b = 2 } {})().b, new (class extends (o.B as any)<string> {})().b, new (class<T> extends (Map<T, T>)<T> {})().size, new (class extends Array<number> {})().length, new (class extends (o?.B ?? Object) {})().b];

// ---- computed members with commas functions and assignments
let n = 0; const k = { [(n++, "a")]: n, [n = 5]: n, [`${n}`]: "same", [(() => "f")()]: 1, [Symbol.toStringTag]: "T", ["x" in {} ? "y" : "z"]: 2, async *[("g")]() {}, get [n + 1]() { return 3 } };
class C { [(n++, "m")]() {} static [n] = 1; static ["s" as string] = 2; [Symbol.iterator as typeof Symbol.iterator]() {} }
export const main = () => [k, n, Object.keys(C), Object.getOwnPropertyNames(C.prototype)];

// ---- very long operators chains
export const main = () => [1 + 2 - 3 * 4 / 5 % 6 ** 2 << 1 >> 1 >>> 0 & 7 | 8 ^ 9, 1 < 2 === true !== false, (1 && 0) || 2, 1 && (0 || 2), (null ?? 1) || 2, !1 || !0 && 1, 1 ? 2 ? 3 : 4 : 5 ? 6 : 7, "a" + 1 + 2, 1 + 2 + "a", (-2) ** 2];

// ---- assignments as expressions
export const main = () => { let a: any, b: any, c: any = {}; a = b = c.d = 1; const x = (a += 2) + (b -= 3); c.e ??= c.f ||= "g"; (a as any) = 5; (<any>b) = 6; [a, b] = [b, a]; ({ a } = { a: a + 1 }); c[(c.d++, "k")] = c.d; if (a = 0) return "no"; while (!(a = 1)); return [a, b, c, x, (a = 3, a), a **= 2, b <<= 1, a >>>= 1, b &&= 0] };

// ---- decimal points and member access across lines
export const main = () => {
	const list = [1, 2, 3]
		// comment between
		.map((x) => x * 2)
		/* another */
		.filter(Boolean)
		?.slice(1)!
		.reverse()
	const v = list
	[0]
	const o = { a: { b: () => 1 } }
	return [list, v, o
		.a
		?.b
		()]
}
