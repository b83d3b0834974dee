const names: string[] = []; const d = (k: any) => { names.push(k.name) };
@d export class A { a = 1 } export @d class B {} @d export default class E { x = 2 }
export { A as Z };
export function main() { return [names, new A().a, new E().x] }
// returns [["A","B","E"],1,2]