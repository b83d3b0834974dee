// tsc defines static fields on the class that was replaced.
function sub(k: any, c: any) { return class extends k { extra = "extra " + c.name; }; }
@sub class A { a = 1; static make() { return new A(); } me() { return A; } static s = A; static t = this; }
export function main() { const a: any = A.make(); return [a.a, a.extra, a.me() === A, A.s === A, A.t === A, A.name, Object.keys(A)]; }
// returns [1,"extra A",true,true,true,"",["s","t"]]