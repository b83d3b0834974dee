const d = (v: any, c: any) => { (globalThis as any).__seen = c.name };
@d abstract class A { abstract m(): number; abstract x: number; @d concrete() { return this.m() } }
class B extends A { m() { return 3 } x = 1 }
export function main() { return [new B().concrete(), (globalThis as any).__seen]; }
// returns [3,"A"]