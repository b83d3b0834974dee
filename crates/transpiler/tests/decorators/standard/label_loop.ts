const d = (v: any, c: any) => () => c.name; const r: any[] = [];
outer: for (let i = 0; i < 2; i++) for (const K of [class { @d m() {} }, @((v: any) => v) class { @d n() {} }]) { r.push(new (K as any)().m?.() ?? new (K as any)().n()); if (i) continue outer; }
do r.push(new (class { @d z() {} } as any)().z()); while (r.length < 5);
if (r) r.push((@((v: any, c: any) => { v.q = 1 })  class Q { } as any).q); else r.push(0);
export function main() { return r }
// returns ["m","n","m","z","z",1]