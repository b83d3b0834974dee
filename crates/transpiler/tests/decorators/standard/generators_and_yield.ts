// tsc writes `yield` where no engine takes it.
const d = (n: any) => (v: any, c: any) => function () { return n; };
function* g() { @(yield "class") class C { @d(yield "m") m() { return 0 } @d(yield "n") static n() { return 0 } } return new C(); }
export function main() { const it = g(); const asked = [it.next().value, it.next((v: any) => v).value]; asked.push(it.next(1).value); const c: any = it.next(2).value; return [asked, c.m(), c.constructor.n()]; }
// returns [["class","m","n"],1,2]