function log(t: any, k: string, d: PropertyDescriptor) { const m = d.value; d.value = function (...a: any[]) { return [k, m.apply(this, a)]; }; }
function twice(t: any, k: string, d: PropertyDescriptor): PropertyDescriptor { return { ...d, value(...a: any[]) { return [d.value.apply(this, a), 2] } }; }
class C { n = 1; @log a(x: number) { return x + this.n } @twice b(x: number) { return x } @log @twice static c() { return 3 } }
export function main() { const c = new C(); return [c.a(1), c.b(2), C.c()]; }
// returns [["a",2],[2,2],["c",[3,2]]]