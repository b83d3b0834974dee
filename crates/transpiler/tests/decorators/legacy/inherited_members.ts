const seen: any[] = []; const d = (t: any, k: any) => { seen.push([t.constructor.name, k]) };
class A { @d m() { return 1 } @d x = 1 } class B extends A { @d m() { return super.m() + 1 } @d override x = 2; constructor(@p public z = 3) { super() } } function p() {}
export function main() { return [seen, new B().m(), Object.keys(new B())] }
// returns [[["A","m"],["A","x"],["B","m"],["B","x"]],2,["x","z"]]