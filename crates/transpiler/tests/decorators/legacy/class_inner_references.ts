// tsc gives the class itself for `{ A }`.
const wrap = (k: any): any => { const f: any = function () { return "called" }; f.k = k; return f };
@wrap class A { a() { return typeof A + [A].length + ({ A }.A === A) } static b = () => (A as any)(); static c = A === this; }
export function main() { const f: any = A; return [f.k.prototype.a(), f.k.b(), f.k.c, f()] }
// returns ["function1true","called",true,"called"]