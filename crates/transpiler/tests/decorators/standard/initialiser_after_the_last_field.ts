const out: string[] = [];
const d = (v: any, c: any) => { c.addInitializer(function (this: any) { out.push(c.name + " " + Object.keys(this).join()); }); };
class C { @d a = 1; b = 2; @d c = 3; }
class D extends C { @d e = 4; constructor() { super(); out.push("body"); } }
export function main() { new D(); return out; }
// returns ["a a","c a,b,c","e a,b,c,e","body"]