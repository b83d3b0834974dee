const names: any[] = [];
const d = (v: any, c: any) => { names.push(c.name); };
@d export class A { a = 1 }
export @d class B { b = A.name }
export { A as Renamed };
export function main() { return [names, new A().a, new B().b]; }
// returns [["A","B"],1,"A"]