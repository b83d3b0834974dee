const memo = (v: any, c: any) => { const m = new WeakMap(); return function (this: any) { if (!m.has(this)) m.set(this, v.call(this)); return m.get(this) } };
let n = 0; class C { @memo get v() { return ++n } @memo m() { return ++n } }
export function main() { const c = new C(), d = new C(); return [c.v, c.v, d.v, c.m(), c.m(), n, Object.getOwnPropertyDescriptor(C.prototype, "m")!.enumerable]; }
// returns [1,1,2,3,3,3,false]