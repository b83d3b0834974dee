const def = (t: any, k: string): any => ({ get() { return "from prototype " + k }, set() {}, configurable: true });
const ro = (t: any, k: string) => { Object.defineProperty(t, k, { value: "proto", configurable: true }) };
class C { @def a: any; @ro b = 2; @def declare c: any; @ro declare e: any; @def static s = 3; }
export function main() { const c = new C(); return [c.a === undefined, c.b, c.c, c.e, (C as any).s, Object.keys(c)]; }
// returns [true,2,"from prototype c","proto","from prototype s",["a","b"]]