const wrap = (t: any, k: string, desc: any): any => ({ ...desc, get() { return desc.get.call(this) + 1 } });
class C { @wrap accessor a = 1; @wrap static accessor s = 10; accessor plain = 3; @wrap accessor ["x" + 1] = 5 }
export function main() { const c: any = new C(); c.a = 5; C.s = 7; return [c.a, C.s, c.plain, c.x1] }
// returns [6,8,3,6]