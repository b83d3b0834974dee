const seen: any[] = []; const d = (t: any, k?: any) => { seen.push(k ?? t.name) };
@d abstract class A { abstract m(): void; @d abstract p: number; @d c() { return 1 } } class B extends A { m() {} p = 2 }
export function main() { return [seen, new B().c()] }
// returns [["p","c","A"],1]