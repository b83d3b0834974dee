const out: any[] = []; const d = (x?: any) => (v: any, c: any) => { out.push(c.name + (x ? x.name : "")) };
@d(@d() class X { @d() a = 1 }) class A { @d(@d() class Y {}) m() {} @d() [(@d() class Z {}).name] = 1; }
class B extends (@d() class Base { @d() b = 1 }) { @d() c = 2 }
export function main() { return [out, new B().b]; }
// returns [["a","X","Y","Z","mY","Z","AX","b","Base","c"],1]