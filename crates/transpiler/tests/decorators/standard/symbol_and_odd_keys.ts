const seen: any[] = []; const d = (v: any, c: any) => { seen.push(typeof c.name, String(c.name)) };
const s = Symbol("s"); let count = 0; const obj = { toString() { count++; return "fromObj" } };
class C { @d [s]() { return 1 } @d [obj as any] = 2; @d accessor [obj as any] = 3; @d 1.5() {} @d "__proto__" = 4; @d [null as any]() {} @d constructor2() {} @d static "prototype2" = 1; @d async *gen() {} @d async am() {} }
export function main() { return [seen, count, new C()[s]()]; }
// returns [["symbol","Symbol(s)","string","fromObj","string","1.5","string","null","string","constructor2","string","gen","string","am","string","prototype2","string","fromObj","string","__proto__"],2,1]