const seen: any[] = []; const d = (t: any, k: any, i: any) => { seen.push([k, i]) };
interface I { x: number } class C { m(this: C, @d a: I, @d b: Array<I> = []) { return [a.x, b.length] } constructor(@d private readonly i: I, @d protected j?: string) {} }
export function main() { return [new C({ x: 1 }).m({ x: 2 }), seen.map(([k, i]) => [k ?? null, i])] }
// returns [[2,0],[["m",1],["m",0],[null,1],[null,0]]]