// Enums.

// ---- numbers count up and map back
enum Color { Red, Green = 5, Blue, "quoted name", Last = Blue }
export const main = () => [Color, Color[5], Color[6], Color["Blue"], Object.keys(Color)];

// ---- strings do not map back
enum Text { A = "a", B = `b`, C = A + "c", D = `${A}-${B}` }
export const main = () => [Text, Object.keys(Text), (Text as any)["a"] ?? "none"];

// ---- mixed
enum Mixed { No = 0, Yes = "YES", After = 2, Next }
export const main = () => [Mixed, Mixed[3]];

// ---- constant expressions
enum Flags { None = 0, A = 1 << 0, B = 1 << 1, C = A | B, D = ~C, E = -1, F = +"3", G = 2 ** 10, H = 7 % 4, I = (A + B) * 4, J = 1 / 2, K = 1 >>> 0, L = 6 & 3, M = 6 ^ 3 }
export const main = () => [Flags, Flags[-1], Flags[0.5]];

// ---- computed members
const base = (n: number) => n * 10;
enum Computed { A = base(1), B = base(2), C = "text".length, D = Math.max(1, 2), E = [1].length }
export const main = () => Computed;

// ---- members see those before them
const Outer = 100;
enum E { A = 1, B = A + 1, C = E.B * 2, D = E["C"] + Outer, F = B }
export const main = () => E;

// ---- a member shadows an outer name
const A = "outer";
enum Shadow { A = 1, B = A, C }
export const main = () => [Shadow, A];

// ---- merged declarations
enum Merged { A, B }
enum Merged { C = 10, D = A + 2 }
export const main = () => [Merged, Object.keys(Merged).length];

// ---- an enum merged with a namespace
enum Level { Low, High }
namespace Level {
	export function parse(text: string) { return Level[text as keyof typeof Level] as unknown as Level }
	export const count = 2;
}
export const main = () => [Level.parse("High"), Level.count, Level.Low];

// ---- const enums in one file
const enum Direction { Up = 1, Down, Left = Up + Down, Name = "name" }
export const main = () => [Direction.Up, Direction["Down"], Direction.Left, `${Direction.Name}`];

// ---- an exported const enum
export const enum Kind { A, B = "b" }
export const main = () => [Kind.A, Kind.B];

// ---- values that are not numbers
enum Odd { Infinite = 1 / 0, Not = 0 / 0, Negative = -1 / 0, Big = 2 ** 53 }
export const main = () => [Object.keys(Odd), String(Odd.Not), Odd.Negative < 0, Odd.Big, String(Odd[Infinity as any])];

// ---- member names of every kind
enum Names { "with space" = 1, "1x", "" = 7, "é", $dollar, _under, __proto__, constructor, toString, class, "a-b" = 20, ünï }
export const main = () => [Object.keys(Names), Names["a-b"], Names["é"], Names.class, Names[""]];

// ---- an enum in a function and in a block
export function main(payload: { n?: number }) {
	enum Local { A = 1, B = payload.n ?? 7 }
	const list: unknown[] = [Local.B];
	{
		enum Local { A = "inner" }
		list.push(Local.A);
	}
	for (let i = 0; i < 2; i++) {
		enum InLoop { X = i }
		list.push(InLoop.X, InLoop[i]);
	}
	return [list, Local.A];
}

// ---- an enum used before its declaration
export function main() {
	return [early, typeof After, After.A];
}
const early = (() => { try { return typeof After } catch (error) { return (error as Error).name } })();
enum After { A = "a" }

// ---- enum values run side effects in order
const order: string[] = [];
const note = (name: string, value: number) => (order.push(name), value);
enum Side { A = note("a", 1), B = note("b", A + 1), C = note("c", B + 1) }
export const main = () => [order, Side];

// ---- an enum object is an ordinary object
enum Plain { A, B = "x" }
export const main = () => {
	(Plain as any).C = 3;
	return [Object.getPrototypeOf(Plain) === Object.prototype, Plain, Object.isFrozen(Plain), delete (Plain as any).A, Plain];
};

// ---- numeric names and reverse maps that overlap
enum Overlap { A = 1, B = 1, C = 2, D = 1 }
export const main = () => [Overlap, Overlap[1], Overlap[2]];

// ---- a default export of an enum beside a function
enum Status { Ok = 200, NotFound = 404 }
export default Status;
export { Status as Codes };
export const main = () => [Status.Ok, Status[404]];

// ---- enums as keys and in switches
enum Op { Add = "+", Sub = "-" }
const table: Record<Op, (a: number, b: number) => number> = { [Op.Add]: (a, b) => a + b, [Op.Sub]: (a, b) => a - b };
export function main() {
	switch (Op.Sub as Op) {
		case Op.Add: return "add";
		case Op.Sub: return [table[Op.Add](1, 2), table["-"](1, 2)];
	}
}

// ---- a computed member after a string member
enum Mix { A = "a".length, B = 4, C, D = "d" + 1, E = `${C}` }
export const main = () => Mix;

// ---- a member that uses another enum
enum First { A = 4, B = "b" }
enum Second { X = First.A, Y, Z = First["B"], W = First.A << 1 }
export const main = () => [Second, Second[5]];

// ---- enum members in template literals and concatenation
enum T { N = 1, S = `n${N}`, U = "u" + N, V = S + U, W = `${"a"}${2 + 3}` }
export const main = () => T;

// ---- the enum object itself inside its members
enum Self { A = 1, B = Object.keys(Self).length, C = typeof Self === "object" ? 3 : 4 }
export const main = () => Self;

// ---- enums with await in an initialiser's neighbourhood
const n = await Promise.resolve(3);
enum Late { A = n, B = n * 2 }
export const main = async () => [Late, await Late.B];
