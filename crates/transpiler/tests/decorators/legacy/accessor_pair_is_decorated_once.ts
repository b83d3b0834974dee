const out: any[] = []; const d = (n: string) => (t: any, k: any, desc: any) => { out.push([n, k, !!desc.get, !!desc.set]) };
class C { @d("g") get a() { return 1 } set a(v) {} get b() { return 1 } @d("s") set b(v) {} @d("only") set c(v: any) {} @d("st") static get a() { return 1 } static set a(v) {} }
export function main() { return out; }
// returns [["g","a",true,true],["s","b",true,true],["only","c",false,true],["st","a",true,true]]