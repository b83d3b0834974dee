const out: any[] = []; const d = (v: any): any => (...a: any[]) => { out.push(v) };
function* g() { @d(yield 1) class C { @d(yield 2) m() {} n(@d(yield 3) a: any) {} } return C.name }
export function main() { const it = g(); const seen = [it.next().value, it.next("a").value, it.next("b").value, it.next("c").value]; return [seen, out] }
// returns [[2,3,1,"C"],["a","b","c"]]