// What no engine runs, or tsc does not compile.

// ---- a missing bracket
export const main = () => [1, 2;

// ---- two declarations of one name
let a = 1;
let a = 2;
export const main = () => a;

// ---- two parameters of one name
export const main = (a: number, a: number) => a;

// ---- return outside of a function
return 1;
export const main = () => 1;

// ---- await in a function that is not async
export function main() { await null; }

// ---- with
export function main() { with ({ a: 1 }) { return a } }

// ---- an octal number
export const main = () => 017;

// ---- an octal escape
export const main = () => "\01";

// ---- delete of a name
export function main() { var x = 1; delete x; return 1 }

// ---- assignment to eval
export function main() { eval = 1 as any; return 1 }

// ---- a private name that is not declared
class C { m() { return (this as any).#nope } }
export const main = () => new C().m();

// ---- break without a loop
export function main() { break; }

// ---- an unknown label
export function main() { for (;;) { continue nowhere; } }

// ---- super outside of a class
export function main() { return super.x }

// ---- new.target at the top level
export const main = () => new.target;

// ---- yield as a name
export const main = () => { var yield = 1; return yield };

// ---- await as a name in a module
var await = 1;
export const main = () => await;

// ---- one export twice
export const main = () => 1;
export { main };

// ---- an export that is not there
export { nothing };
export const main = () => 1;

// ---- import inside a function
export function main() { import x from "node:fs"; return x }

// ---- an invalid regular expression
export const main = () => /(/.test("");

// ---- an invalid assignment
export const main = () => { 1 = 2; };

// ---- optional chaining as a target
export const main = (o: any) => { o?.a = 1; };

// ---- a template with an optional chain
export const main = (o: any) => o?.f`x`;

// ---- mixed nullish and logical operators
export const main = (a: any, b: any) => a ?? b || 1;

// ---- unary minus before exponentiation
export const main = () => -2 ** 2;

// ---- a rest parameter that is not last
export const main = (...a: any[], b: any) => b;

// ---- a constant without a value
export const main = () => { const x; return x };

// ---- a class with two constructors that have bodies
class C { constructor() {} constructor(x) {} }
export const main = () => new C();

// ---- a getter with parameters in an object
export const main = () => ({ get x(a) { return a } });

// ---- a newline before an arrow
export const main = () => { const f = (x)
=> x; return f(1) };

// ---- throw with a new line
export const main = () => { throw
new Error("x") };

// ---- an enum member with a private name
enum E { #a }
export const main = () => 1;

// ---- an unfinished template
export const main = () => `abc ${1;

// ---- an unfinished comment
export const main = () => 1; /* never

// ---- a lone surrogate escape out of range
export const main = () => "\u{110000}";

// ---- a duplicate __proto__
export const main = () => ({ __proto__: null, "__proto__": null });

// ---- a duplicate private name
class C { #a; #a }
export const main = () => 1;

// ---- a let named let
let let = 1;
export const main = () => 1;

// ---- arguments in a field
class C { x = arguments }
export const main = () => 1;

// ---- super call in a method
class A {} class B extends A { m() { super() } }
export const main = () => 1;

// ---- html comments in a module
export const main = () => 1;
<!-- nothing

// ---- for of with a value
export const main = () => { for (let x = 1 of [1]) x };

// ---- for of with async
export const main = () => { var async; for (async of [1]); };

// ---- for await outside of an async function
export const main = () => { for await (const x of []) x };

// ---- numeric separators in wrong places
export const main = () => 1__0;

// ---- a number and a name
export const main = () => 3in [1];

// ---- a strict function with a parameter named eval
export const main = (eval: any) => 1;

// ---- use strict in a function with defaults
export function main(a = 1) { "use strict"; return a }
