const d = (n: number) => (v: any, c: any) => function (this: any) { return n + ":" + (v?.call(this) ?? "") };
class A { @d(1) m() { return "a" } @d(2) static m() { return "b" } @d(3) "x y"() { return "c" } @d(4) 0() { return "d" } @d(5) get p() { return "e" } }
export function main() { const a: any = new A(); return [a.m(), A.m(), a["x y"](), a[0](), a.p] }
// returns ["1:a","2:b","3:c","4:d","5:e"]