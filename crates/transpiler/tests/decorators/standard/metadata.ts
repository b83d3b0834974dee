(Symbol as any).metadata ??= Symbol("Symbol.metadata");
const meta = (k: string) => (v: any, c: any) => { c.metadata[k] = c.name; };
@meta("cls") class A { @meta("f") x = 1; @meta("m") y() {} }
class B extends A { @meta("f") z = 1; }
class None {} class Sub extends A {}
const M = (Symbol as any).metadata;
export function main() { const a = (A as any)[M], b = (B as any)[M]; return [a, b, Object.getPrototypeOf(b) === a, b.m, (Sub as any)[M] === a, (None as any)[M] === undefined, Object.getPrototypeOf(a) === null]; }
// returns [{"m":"y","f":"x","cls":"A"},{"f":"z"},true,"y",true,true,true]