const d = (v: any, c: any) => { };
class C { @d public override2 = 1; @d protected readonly p = 2; m(a: string): void; m(a: number): void; @d m(a: any) { return a } @d private static override3?: number; @d static async sm() { return 4 } [k: string]: any; }
export async function main() { return [new C().m(3), await C.sm(), Object.keys(new C())]; }
// returns [3,4,["override2","p"]]