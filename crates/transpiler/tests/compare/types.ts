// What types leave behind: nothing.

// ---- satisfies keeps the value
const table = { a: 1, b: [2, 3] } satisfies Record<string, number | number[]>;
export function main() {
	const inner = ({ x: "y" } satisfies { x: string }).x;
	return [table, inner, (1 satisfies number) + 2, [1, 2] satisfies number[]];
}

// ---- as and as const in every place
export function main(payload: unknown) {
	const tuple = ["a", 1] as const;
	const n = ((payload as any).missing as number | undefined) ?? (7 as number);
	let target: any = {};
	(target as { a: number }).a = 1;
	(target.b as number) = 2;
	for (const key of Object.keys(target) as (keyof typeof target)[]) target[key]++;
	return [tuple, n, target, typeof (null as any as string), -1 as number, !(0 as any)];
}

// ---- as after operators
export function main() {
	const a = 1, b = 2;
	const less = a < b as boolean;
	const sum = a + (b as number) * 1;
	const logic = (null as any) ?? ("x" as string);
	const conditional = a as any ? "yes" as string : "no" as string;
	return [less, sum, logic, conditional];
}

// ---- non-null assertions in chains
export function main() {
	const o: { f?: () => { g?: number[] } } | undefined = { f: () => ({ g: [5] }) };
	const none = undefined as any;
	return [o!.f!()!.g![0]!, o?.f!()?.g!.length, none?.a!.b.c ?? "short", (none?.a)!?.b ?? "cut", o!["f"]!()["g"]![0]];
}

// ---- non-null assertion as a target
export function main() {
	const o: { n?: number; list?: number[] } = { n: 1, list: [] };
	o.n! += 4;
	o.n!++;
	o!.list![0] = 9;
	[o.n!, o.list![1]!] = [o.list![0], o.n!];
	delete o!.list![0];
	return [o, 0 in o.list!];
}

// ---- angle bracket assertions
export function main() {
	const value = <any>{ a: 1 };
	const list = <number[]><unknown>[1, 2];
	const f = <(x: number) => number>((x) => x + 1);
	return [value.a, list, f(1), <string>"s" + <any>1, -<number>2, typeof <any>3];
}

// ---- generic functions arrows and calls
const identity = <T,>(value: T): T => value;
const pair = async <A, B extends A[] = A[]>(a: A, b: B): Promise<[A, B]> => [a, b];
class Box<T extends object = {}> {
	constructor(public value: T) {}
	map<U extends object>(f: (value: T) => U): Box<U> {
		return new Box<U>(f(this.value));
	}
}
export async function main() {
	const made = new Box<{ n: number }>({ n: 1 }).map<{ s: string }>(({ n }) => ({ s: `${n}` }));
	return [identity<number>(1), await pair<number, number[]>(1, [2]), made.value, identity<Array<Array<number>>>([[3]])];
}

// ---- instantiation expressions
const make = <T>(value?: T) => [value];
const makeNumber = make<number>;
class Holder<T> { static of = <U>(u: U) => new Holder<U>(u); constructor(readonly item: T) {} }
const HolderOfString = Holder<string>;
export function main() {
	const maps = new Map<string, number>;
	const chosen = (make<string>) ?? null;
	return [makeNumber(1), new HolderOfString("x").item, maps.size, chosen("y"), makeNumber === (make as unknown), Holder.of<number>(3).item];
}

// ---- overloads leave one function
function convert(value: string): number;
function convert(value: number): string;
function convert(value: string | number): string | number {
	return typeof value === "string" ? Number(value) : String(value);
}
class Many {
	constructor();
	constructor(n: number);
	constructor(readonly n = 0) {}
	get(): number;
	get(key: string): string;
	get(key?: string) {
		return key ?? this.n;
	}
	static of(): Many;
	static of(n?: number) { return new Many(n!); }
}
export function main() {
	return [convert("4"), convert(4), new Many().get(), new Many(2).get("k"), Many.of().n, Object.getOwnPropertyNames(Many.prototype), convert.length];
}

// ---- exported overloads are one export
// call: shout {"text":"ab"}
export function shout(payload: { text: string }): string;
export function shout(payload: { text: number }): number;
export function shout(payload: { text: any }): any {
	return payload.text.toUpperCase();
}

// ---- abstract members do not exist
abstract class Shape {
	abstract area(): number;
	abstract readonly name: string;
	abstract get side(): number;
	protected abstract hidden?: string;
	describe() {
		return `${this.name} ${this.area()}`;
	}
}
class Square extends Shape {
	name = "square";
	get side() { return 2; }
	hidden = undefined;
	area() { return this.side ** 2; }
}
export function main() {
	return [new Square().describe(), Object.getOwnPropertyNames(Shape.prototype), Object.keys(new Square())];
}

// ---- an abstract class can be made at run time
abstract class Base { x = 1; abstract y: number }
const make = Base as unknown as new () => Base;
export const main = () => ["y" in new make(), new make()];

// ---- declare fields are not defined
class Parent {
	a = "parent";
}
class Child extends Parent {
	declare a: string;
	declare readonly b?: number;
	static declare c: number;
	private declare d;
}
export function main() {
	return [new Child().a, "b" in new Child(), "c" in Child, "d" in new Child()];
}

// ---- fields without a value are defined
class Parent { a: number | undefined = 1 }
class Child extends Parent { override a: number | undefined; b?: string; c!: number; readonly ["d"]: number; 5: number }
export function main() {
	const child = new Child();
	return [child.a === undefined, Object.keys(child), "c" in child, JSON.stringify(child)];
}

// ---- declare statements are nothing
declare const notThere: number;
declare let alsoNot: string, norThis: string;
declare function f(): void;
declare class C { m(): void }
declare enum E { A }
declare module "somewhere" { export const x: number }
declare namespace N { const y: number }
declare global { interface Array<T> { own?: T } var added: number }
export function main() {
	return [typeof notThere, typeof alsoNot, typeof f, typeof C, typeof E, typeof N];
}

// ---- definite assignment
let late!: string;
export function main() {
	set();
	let inner!: number;
	let unset!: number;
	inner = 2;
	return [late, inner, unset === undefined];
}
function set() { late = "set" }

// ---- this parameters go
function size(this: { n: number }, factor: number) {
	return this.n * factor;
}
const o = { n: 3, size, own(this: any) { return this === o } };
export function main() {
	return [o.size(2), size.length, size.call({ n: 1 }, 5), o.own(), (function (this: void) { return this === undefined })()];
}

// ---- optional and defaulted parameters
function f(a: number, b?: string, c: number = 3, ...rest: boolean[]): any[] {
	return [a, b ?? null, c, rest, f.length, arguments.length];
}
const g = (x?: number, { y = 1, z }: { y?: number; z?: number } = {}) => [x === undefined, y, z ?? "none"];
export function main() {
	return [f(1), f(1, undefined, undefined, true), g(), g(2, { z: 5 }), g.length];
}

// ---- type predicates and assertions
function isText(value: unknown): value is string { return typeof value === "string" }
function must(value: unknown): asserts value { if (!value) throw new RangeError("must") }
const isNumber = (value: unknown): value is number => typeof value === "number";
class Node2 { isLeaf(): this is { leaf: true } { return true } }
export function main() {
	try { must(0) } catch (error) { return [isText(""), isNumber(""), new Node2().isLeaf(), (error as Error).message] }
}

// ---- types named like values
type Name = string;
interface Map2 { type: Name; interface: number; declare: boolean }
const type = "type", declare = 1, abstract = 2, namespace = 3, module2 = 4, is = 5, keyof = 6, infer = 7, readonly = 8, asserts = 9, of = 10, satisfies = 11;
export function main() {
	const entry: Map2 = { type, interface: 1, declare: true };
	return [entry, declare + abstract + namespace + module2 + is + keyof + infer + readonly + asserts + of + satisfies];
}

// ---- contextual keywords begin statements
var type: any = 1, namespace: any, abstract: any, declare: any, module: any = { exports: 1 };
export function main() {
	type
	= 5;
	namespace
	= 6;
	abstract
	declare
	type += 1
	return [type, namespace, typeof abstract, typeof declare]
}

// ---- type only imports are not loaded
import type { Nope } from "package-that-does-not-exist";
import type Default from "another";
import type * as All from "third";
import { type Stats, readFileSync, type Dirent as Entry } from "node:fs";
export function main(value: Nope | Default | All.x | Stats | Entry) {
	return [typeof readFileSync, Object.keys(value as object)];
}

// ---- an import of types only in braces
import { type Stats } from "node:fs";
export const main = (s: Stats) => typeof s;

// ---- imports that only types use are dropped
import { Missing } from "not-installed";
import Other, { More } from "./not-there.js";
export async function main(value: Missing): Promise<typeof value | Other> {
	const more: More = 1 as any;
	return more as any;
}

// ---- type only exports are not exports
type A = number;
interface B { b: 1 }
export type { A, B };
export type C = A | B;
export interface D extends B {}
export { type A as A2, helper };
function helper() { return "helper" }
export const main = () => helper();

// ---- import type in types
type Fs = typeof import("node:fs");
let path: import("node:path").ParsedPath | undefined;
export function main(fs?: Fs, other: import("nowhere").Deep<string>["x"] = null!) {
	return [path === undefined, typeof fs, other];
}

// ---- conditional mapped and template types vanish
type Getters<T> = { readonly [K in keyof T as `get${Capitalize<string & K>}`]?: () => T[K] };
type Inner<T> = T extends (infer U extends number)[] ? U : T extends { a: infer V } ? V : never;
type Minus<T> = { -readonly [K in keyof T]-?: T[K] };
type Recursive = [Recursive?, ...rest: number[]];
type Ctor = abstract new (...args: any[]) => object;
type Key<T> = T extends `a${infer R}` ? R : keyof typeof globalThis extends never ? 1 : symbol;
export function main() {
	const getters: Getters<{ name: string }> = { getName: () => "n" };
	return getters.getName!() satisfies Inner<string>;
}

// ---- index signatures and call signatures in classes
class Bag {
	[key: string]: unknown;
	static readonly [index: number]: string;
	own = 1;
	["computed" + 1]?: number = 2;
}
export const main = () => [new Bag(), Object.keys(Bag)];

// ---- accessibility modifiers in every place
class C {
	public static readonly a = 1;
	private static b = 2;
	protected readonly c = 3;
	public async *gen() { yield this.c; yield C.b }
	private get d() { return 4 }
	public static async make() { return new C().d }
	readonly = "field called readonly";
	declare = "field called declare";
	static static = "static static";
	public() { return "method called public" }
	override = 1;
}
export async function main() {
	const all = [];
	for await (const x of new C().gen()) all.push(x);
	return [all, await C.make(), new C(), C.static, new C().public()];
}

// ---- enum and type merges with an interface
interface Point { x: number }
interface Point { y: number }
class Point2 { z = 1 }
interface Point2 { w: number }
export const main = () => [new Point2(), { x: 1, y: 2 } as Point];

// ---- generic defaults with function types and arrows
const compose = <A, B = A, C extends (b: B) => unknown = (b: B) => B>(f: (a: A) => B, g?: C): ((a: A) => unknown) => (a) => (g ? g(f(a)) : f(a));
export const main = () => [compose((x: number) => x + 1)(1), compose<number, string>((x) => `${x}`, (s) => s + "!")(2)];

// ---- unused type parameters with const and variance
class Typed<in out T, const U = []> { value?: T; other?: U }
function literal<const T extends readonly unknown[]>(list: T): T { return list }
export const main = () => [new Typed<number>(), literal(["a", 1])];

// ---- optional methods and question marks
class C {
	maybe?(): number;
	sure?(): number { return 1 }
	get?: number = 2;
	set? = 3;
	async? = 4;
}
export const main = () => [new C().sure!(), typeof new C().maybe, new C()];

// ---- function type annotations with ASI around them
let f: () => void
let g: { (x: number): number; prop: string }
let h: new () => object
type T = | "a"
	| "b"
type U =
	& { a: 1 }
	& { b: 2 }
export function main() {
	f = () => {}
	const t: T = "a"
	return [typeof f, typeof g, typeof h, t]
}
