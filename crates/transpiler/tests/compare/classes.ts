// Classes: fields, static blocks, private names, accessors, parameter properties.

// ---- fields are defined and not assigned
class Base { set a(_: number) { log.push("setter of Base") } get b() { return "getter" } }
const log: string[] = [];
class Derived extends Base { a = 1; override b = "own" as any }
export const main = () => [Object.keys(new Derived()), new Derived().b, log, Object.getOwnPropertyDescriptor(new Derived(), "a")];

// ---- the order of fields and constructors
const log: string[] = [];
const note = <T>(text: string, value?: T) => (log.push(text), value);
class A { x = note("A.x"); constructor() { note("A body") } y = note("A.y") }
class B extends A { z = note("B.z"); constructor() { note("B before super"); super(); note("B body") } }
export const main = () => (new B(), log);

// ---- computed keys run once and first
const log: string[] = [];
const key = (name: string) => (log.push(`key ${name}`), name);
const value = (name: string) => (log.push(`value ${name}`), name);
class C { [key("a")] = value("a"); static [key("b")] = value("b"); [key("m")]() {} static { log.push("block") } static [key("c")] = value("c") }
export const main = () => (log.push("made"), new C(), new C(), log);

// ---- parameter properties come before fields
class P {
	doubled = this.n * 2;
	constructor(public n: number, readonly label = `n${n}`, private hidden?: string) { this.tripled = this.n * 3 }
	tripled = 0;
}
export const main = () => [new P(2), Object.keys(new P(1))];

// ---- parameter properties after super
class A { constructor(readonly a: string) {} }
class B extends A {
	own = `${this.a}/${this.b}`;
	constructor(a: string, protected b: number) {
		const prepared = a.toUpperCase();
		super(prepared);
		this.b++;
	}
}
export const main = () => new B("x", 1);

// ---- parameter properties with defaults and beside a directive
class D {
	constructor(public a = 1, public b = a + 1, { c } = { c: 3 }, public readonly rest: number[] = [c]) {
		this.a += 10;
	}
}
class E { constructor(public a: number, b: number, private c?: string) { "use strict"; this.a += b } }
export const main = () => [new D(), new D(5, undefined, { c: 9 }), D.length, new E(1, 2), E.length];

// ---- super inside a nested arrow of the constructor
class A { constructor(public v: number) {} }
class B extends A {
	f = 1;
	constructor(w = 2) {
		const go = (n: number) => super(n);
		if (w > 0) go(w * 2);
		else go(0);
	}
}
export const main = () => [new B(), new B(-1)];

// ---- static fields and blocks in order
const log: string[] = [];
class S {
	static a = log.push("a");
	static { log.push("block", String(this === S), String(S.a)); this.b = 5 }
	static b: number;
	static c = (log.push(`b is ${S.b}`), this.a);
	static { var local = "not outside"; log.push(local) }
}
export const main = () => [log, S.b ?? "undefined again", S.c, typeof local];
declare const local: any;

// ---- static fields named like those of functions
class S { static name = "own name"; static length = 7; static prototype2 = 1; static caller = "c" }
export const main = () => [S.name, S.length, Object.keys(S)];

// ---- private fields methods and accessors
class P {
	#x = 1;
	static #count = 0;
	#m() { return this.#x }
	get #g() { return this.#m() * 2 }
	set #g(v) { this.#x = v }
	static #s() { return ++P.#count }
	run() { this.#g = 5; this.#x++; this.#x **= 2; [this.#x] = [this.#x + 1]; return [this.#g, P.#s(), P.#s()] }
}
export const main = () => [new P().run(), Object.keys(new P())];

// ---- private in
class P {
	#brand; #method() {} static #s = 1;
	static is(o: any) { return [#brand in o, #method in o, #s in o] }
	static only(o: any) { return #brand in o && !(#s in o) }
}
export const main = () => {
	try { P.is(1) } catch (error) { return [P.is(new P()), P.is({}), P.is(P), P.only(new P()), (error as Error).name] }
};

// ---- private names of two classes with one spelling
class A { #v = "a"; read(o: A) { return o.#v } }
class B { #v = "b"; read(o: any) { return o.#v } }
export const main = () => {
	try { new B().read(new A()) } catch (error) { return [new A().read(new A()), (error as Error).name, (error as Error).message] }
};

// ---- private names in nested classes
class Outer {
	#secret = 1;
	inner() { const outer = this; return new (class { #secret = 2; both() { return [this.#secret, outer.peek()] } })() }
	peek() { return this.#secret }
	nested() { return class { static read(o: Outer) { return o.#secret } } }
}
export const main = () => [new Outer().inner().both(), new Outer().nested().read(new Outer())];

// ---- private names after optional chains
class N {
	#next?: N; #v: number; #go?: () => string = () => "gone"; #none?: () => string;
	constructor(v: number, next?: N) { this.#v = v; this.#next = next }
	sum(): number { return this.#v + (this.#next?.sum() ?? 0) }
	call() { return [this.#go?.(), this.#none?.() ?? "none", this.#next?.call().length ?? 0] }
}
export const main = () => [new N(1, new N(2)).sum(), new N(1).call(), new N(1, new N(1)).call()];

// ---- private methods are not writable
class P { #m() {} try1() { (this as any).#m = 1 } }
export const main = () => { try { new P().try1() } catch (error) { return [(error as Error).name] } };

// ---- getters and setters
class G {
	#v = 1;
	get v() { return this.#v }
	set v(value: number) { this.#v = value * 2 }
	static get s() { return "static" }
	get ["comp" + "uted"]() { return "computed" }
	get onlyGet() { return 1 }
}
export const main = () => {
	const g = new G() as any;
	g.v = 4; g.v += 1;
	let failed = "";
	try { g.onlyGet = 2 } catch (error) { failed = (error as Error).message }
	return [g.v, G.s, g.computed, failed, Object.keys(g), Object.getOwnPropertyNames(G.prototype)];
};

// ---- elements named like keywords
class K {
	get = 1; set = 2; static = 3; async = 4; await = 5; of = 6; let = 7; yield = 8; constructor2 = 9; accessor = 10; readonly = 11; declare = 12;
	"constructor3"() {} in() { return "in" } delete() { return "delete" } new() { return "new" }
}
class M { get() { return "get" } set() { return "set" } static() { return "static" } async() { return "async" } static async() { return "static async" } static get() { return "static get" } static static() { return "ss" } await() { return "await" } }
export const main = () => [new K(), new K().in(), new K().delete(), new K().new(), new M().get(), new M().set(), new M().static(), new M().async(), M.async(), M.get(), M.static(), new M().await()];

// ---- fields that end without semicolons
class F {
	a = 1
	b
	c = 2
	static d
	get
	e() { return "e" }
	static
	f() { return "f" }
	'g' = 3
	5 = 4
	async
	h() { return "h" }
}
export const main = () => { const f = new F() as any; return [Object.keys(f), f.e, typeof (F as any).f, f.h(), Object.keys(F)] };

// ---- a field that holds an arrow keeps this
class H { n = 1; up = () => ++this.n; static s = 5; static get = () => this.s }
export const main = () => { const { up } = new H(); const { get } = H; return [up(), up(), get()] };

// ---- arrow functions and arguments in fields
class H { f = function (this: any) { return arguments.length }; g = (...list: number[]) => list.length; h = async () => (await 1) + 1 }
export const main = async () => [new H().f.call(null), new H().g(1, 2), await new H().h()];

// ---- class expressions have their names
const A = class {}, B = class Named { static self = Named.name };
const o = { C: class {}, ["D" + 1]: class {}, E: class extends A {} };
let F; F = class {};
const [G = class {}] = [];
const { H = class {} } = {} as any;
export const main = () => [A.name, B.name, B.self, o.C.name, o.D1.name, o.E.name, F.name, G.name, H.name, (class {}).name];

// ---- a class with a static name method
const A = class { static name() { return "method" } };
const B = class { static ["na" + "me"] = "field" };
export const main = () => [A.name(), B.name];

// ---- the class is not there before its declaration
const before = (() => { try { new (Later as any)() } catch (error) { return (error as Error).message } })();
class Later { static self = Later.name; static { Later.prototype } }
export const main = () => [before, Later.self];

// ---- the inner name of a class is constant
class C { static change() { (C as any) = 1 } }
export const main = () => { try { C.change() } catch (error) { return (error as Error).message } };

// ---- an outer class may be replaced
let C = class Inner { static get() { return typeof Inner } } as any;
const first = C;
C = 5;
export const main = () => [first.get(), C];

// ---- an exported class is callable with new only
export class Service { static calls = 0; go() { return ++Service.calls } }
export const main = () => { const s = new Service(); try { (Service as any)() } catch (error) { return [s.go(), s.go(), (error as Error).message] } };

// ---- methods are not enumerable and not constructors
class C { m() {} static s() {} get g() { return 1 } *gen() {} async a() {} }
export const main = () => {
	const kinds = ["m", "gen", "a"].map((name) => { try { new (C.prototype as any)[name](); return "made" } catch (error) { return (error as Error).name } });
	return [Object.keys(C.prototype), Object.keys(C), kinds, "prototype" in C.prototype.m, "prototype" in C.prototype.gen];
};

// ---- instanceof and Symbol hasInstance
class Even { static [Symbol.hasInstance](n: number) { return n % 2 === 0 } }
class A {} class B extends A {}
export const main = () => [(2 as any) instanceof Even, (3 as any) instanceof Even, new B() instanceof A, Object.create(A.prototype) instanceof A];

// ---- toString tags and conversion
class T { get [Symbol.toStringTag]() { return "Tee" } [Symbol.toPrimitive](hint: string) { return hint === "number" ? 7 : hint } toJSON() { return "json" } }
export const main = () => [`${new T()}`, +(new T() as any), (new T() as any) + "", Object.prototype.toString.call(new T()), JSON.stringify(new T())];

// ---- generators and async methods
class G { static *count(n: number) { for (let i = 0; i < n; i++) yield i } async *later() { yield* G.count(2) } *[Symbol.iterator]() { yield "it" } async ["as" + "ync"]() { return 1 } }
export const main = async () => { const all: any[] = [...G.count(3), ...new G()]; for await (const x of new G().later()) all.push(x); return [all, await (new G() as any).async()] };

// ---- this in static initialisers and computed keys
class T { static self = this; static f = () => this; static name2 = this.name; static [(() => "k" as const)()] = this.name.length }
export const main = () => [T.self === T, T.f() === T, T.name2, T.k];

// ---- a subclass of null and of an expression
const mix = <B extends new (...a: any[]) => any>(Base: B) => class extends Base { mixed = true };
class A { a = 1 }
class M extends mix(mix(A)) { m = 2 }
class N extends (null as any) { static s = 1 }
export const main = () => [new M(), N.s, Object.getPrototypeOf(N.prototype), M.name, Object.getPrototypeOf(M).name];

// ---- implements leaves nothing
interface I { x: number } interface J<T> { y: T }
class C implements I, J<string> { x = 1; y = "y" }
class D extends C implements I {}
export const main = () => new D();

// ---- fields and the prototype chain of a proxy
class P { constructor() { return new Proxy(this, { defineProperty: (t, k, d) => (keys.push(k), Reflect.defineProperty(t, k, d)), set: () => { throw new Error("set") } }) } }
const keys: PropertyKey[] = [];
class Q extends P { a = 1; b = 2 }
export const main = () => (new Q(), keys);

// ---- a constructor that returns another object
class A { constructor() { return { other: true } as any } }
class B extends A { field = 1; #p = 2; static read(o: any) { return o.#p } }
export const main = () => { const b = new B(); return [b, B.read(b), b instanceof B] };

// ---- getter and static block with private access for friends
let open: (o: Safe) => string;
class Safe { #code = "1234"; static { open = (o) => o.#code } }
export const main = () => open(new Safe());

// ---- accessor pairs across inheritance
class A { get v() { return "A" } set v(_: string) {} }
class B extends A { override get v() { return super.v + "B" } }
export const main = () => { const b = new B(); try { b.v = "x" } catch (error) { return [b.v, (error as Error).message] } };

// ---- a field named __proto__ and a method named constructor
class C { ["__proto__"] = 1; static __proto__2 = 2; ["constructor"]() { return "method" } }
export const main = () => { const c = new C() as any; return [Object.keys(c), Object.getPrototypeOf(c) === C.prototype, c.constructor()] };
