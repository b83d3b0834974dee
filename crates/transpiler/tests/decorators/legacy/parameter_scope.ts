const got: any[] = []; const p = "outer"; const mark = (v: any) => (t: any, k: any, i: number) => { got.push([v, k, i]); };
class C { m(@mark(p) p: string, q = p) { return q; } static async n(@mark(await Promise.resolve("aw")) z?: any) {} }
export function main() { return [got, new C().m("in")]; }
// returns [[["outer","m",0],["aw","n",0]],"in"]