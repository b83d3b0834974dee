// A few namespaces; more are in tests/programs.

// ---- a namespace is an object of its exports
namespace N { export const a = 1; const hidden = 2; export function f() { return a + hidden } export class C { v = a } }
export const main = () => [Object.keys(N), N.f(), new N.C()];

// ---- dotted names nest
namespace A.B.C { export const deep = "deep" }
namespace A.B { export const upper = C.deep.toUpperCase() }
export const main = () => [A.B.C.deep, A.B.upper];

// ---- a namespace of types alone is nothing
namespace OnlyTypes { export type T = string; export interface I { a: T } }
export const main = (x: OnlyTypes.I) => [typeof (globalThis as any).OnlyTypes, x];

// ---- merged with a class
class Box { constructor(public n: number) {} static of = (n: number) => new Box(n) }
namespace Box { export const empty = new Box(0); export const one = Box.of(1) }
export const main = () => [Box.empty, Box.one];

// ---- merged with a function
function f(x: number) { return f.factor * x }
namespace f { export const factor = 3 }
export const main = () => [f(2), Object.keys(f)];

// ---- names inside shadow names outside
const x = "outer";
namespace N { export const before = x; }
namespace M { export const x = "inner"; export const after = x }
export const main = () => [N.before, M.after, x];

// ---- aliases of namespace members
namespace Long.Name { export const value = 1; export type T = number; export function f() { return this === Long.Name } }
import Short = Long.Name;
import value = Long.Name.value;
export const main = () => [Short.value, value, Short.f()];

// ---- enums and namespaces inside namespaces
namespace N {
	export enum E { A, B = "b" }
	export namespace Inner { export const e = E.B }
	enum Private { X = 9 }
	export const px = Private.X;
}
export const main = () => [N.E, N.Inner, N.px];

// ---- destructuring inside a namespace
namespace N { const source = { p: 1, q: { r: 2 }, rest: [3, 4] }; export const { p, q: { r }, rest: [first, ...others] } = source }
export const main = () => ({ ...N });
