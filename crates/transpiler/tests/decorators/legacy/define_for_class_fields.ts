const d = (t: any, k: string) => { Object.defineProperty(t, k, { set(v) { hits.push(v) }, get() { return "proto" }, configurable: true }) }; const hits: any[] = [];
class C { @d a = 1; @d b: any; constructor(@d2 public c: any) {} } function d2(...a: any[]) {}
export function main() { const c: any = new C(5); return [c.a, c.b === undefined, c.c, hits, Object.keys(c)] }
// returns [1,true,5,[],["c","a","b"]]