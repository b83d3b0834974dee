// super, new.target and built-in parents.

// ---- super properties in methods statics and objects
class A { m() { return "A.m" } static s() { return `A.s of ${this.name}` } get g() { return `g of ${this.constructor.name}` } }
class B extends A { override m() { return super.m() + "+B" } static override s() { return super.s() + "+B" } override get g() { return super["g"] + "!" } f = () => super.m() }
const o = { __proto__: { hi() { return `hi ${(this as any).n}` } }, n: 1, hi() { return (super.hi as any)() + "!" } };
export const main = () => [new B().m(), B.s(), new B().g, new B().f(), o.hi()];

// ---- super in static fields and blocks
class A { static v = 1; static twice() { return this.v * 2 } }
class B extends A { static override v = 10; static t = super.twice(); static { B.u = super.v } static u: number; static f = () => super.twice() }
export const main = () => [B.t, B.u ?? "redefined", B.f()];

// ---- assignment to super properties
class A { set s(v: number) { (this as any).got = v } }
class B extends A { go() { super.s = 5; (super["plain" as "s"] as any) = 6; return { ...this } } }
export const main = () => new B().go();

// ---- new.target
function F(this: any) { return new.target === undefined ? "called" : { made: new.target === F } }
class A { t = new.target?.name; constructor() { this.name = new.target.name; this.arrow = (() => new.target.name)() } name; arrow }
class B extends A {}
export const main = () => [(F as any)(), new (F as any)(), new A(), new B(), Reflect.construct(A, [], B).name];

// ---- abstract by new.target
class Shape { constructor() { if (new.target === Shape) throw new TypeError("abstract") } }
class Circle extends Shape { r = 1 }
export const main = () => { try { new Shape() } catch (error) { return [(error as Error).message, new Circle()] } };

// ---- this before super
class A {}
class B extends A { constructor(early: boolean) { if (early) (this as any).x = 1; super() } }
export const main = () => { try { new B(true) } catch (error) { return [(error as Error).name, (error as Error).message, new B(false)] } };

// ---- super twice and never
class A {}
class Twice extends A { constructor() { super(); super() } }
class Never extends A { constructor() { if (0) super() } }
export const main = () => [Twice, Never].map((C) => { try { new C() } catch (error) { return [(error as Error).name, (error as Error).message] } });

// ---- subclasses of Error
class AppError extends Error { override name = "AppError"; constructor(message: string, readonly code = 42, options?: ErrorOptions) { super(message, options) } }
class Deep extends AppError { get detail() { return `${this.code}:${this.message}` } }
export const main = () => { const e = new Deep("m", 1, { cause: "c" }); return [e.detail, e.name, `${e}`, e instanceof AppError, e.cause, Object.keys(e), e.stack!.split("\n")[0]] };

// ---- subclasses of Array
class List<T> extends Array<T> { get last() { return this.at(-1) } static override get [Symbol.species]() { return Array } }
class Same extends Array {}
export const main = () => { const l = List.from([1, 2, 3]); return [l.last, l instanceof List, l.map((x) => x) instanceof List, new Same(3).length, Same.of(7).map((x) => x) instanceof Same, JSON.stringify(l)] };

// ---- subclasses of Map Promise and Function
class Counter extends Map<string, number> { add(key: string) { return this.set(key, (this.get(key) ?? 0) + 1) } }
class Later<T> extends Promise<T> { tag = "later" }
class Fn extends Function { constructor() { super("return 5") } }
export const main = async () => [[...new Counter().add("a").add("a")], Later.resolve(1).tag, Later.resolve(1).then(() => 2) instanceof Later, await Later.resolve(3), (new Fn() as any)()];

// ---- methods that are borrowed keep their home object
class A { who() { return "A" } } class B extends A { who() { return "B of " + super.who() } }
class C { who() { return "C" } borrowed = B.prototype.who }
export const main = () => new C().borrowed();

// ---- prototypes that change after the class
class A { m() { return "A" } } class B extends A { m() { return super.m() + "B" } }
export const main = () => { Object.setPrototypeOf(B.prototype, { m: () => "X" }); return new B().m() };

// ---- super calls with spread and defaults
class A { list: number[]; constructor(...list: number[]) { this.list = list } }
class B extends A { constructor(first: number, ...rest: number[]) { super(...rest, first) } }
class C extends A {}
export const main = () => [new B(1, 2, 3).list, new C(4, 5).list, B.length, C.length];

// ---- super in async arrows and generators
class A { async a() { return "a" } *g() { yield 1 } }
class B extends A { override async a() { const f = async () => (await super.a()) + "b"; return f() } override *g() { yield* super.g(); yield 2 } async *ag() { yield await super.a() } }
export const main = async () => { const all = []; for await (const x of new B().ag()) all.push(x); return [await new B().a(), [...new B().g()], all] };

// ---- overridden fields and calls from the parent's constructor
class A { constructor() { this.init() } init() {} }
class B extends A { value?: number = undefined; other; kept: any; override init() { this.value = 1; this.other = 2 } }
class C extends A { declare value: number; override init() { this.value = 1 } }
export const main = () => [new B().value === undefined, "other" in new B(), new C().value];
