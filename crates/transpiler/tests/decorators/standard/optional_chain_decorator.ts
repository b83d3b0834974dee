const o: any = { d(v: any, c: any) { seen.push(c.name) } }; const seen: any[] = [];
class K { @(o?.d) m() {} @(o.d ?? 0) n() {} @(o["d"]) p() {} }
export function main() { return seen }
// returns ["m","n","p"]