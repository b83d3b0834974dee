let seen: any[] = [];
const d = (v: any, c: any) => { seen.push("metadata" in c, typeof c.metadata); };
class C { @d x = 1 }
export function main() { return [seen, (Symbol as any).metadata === undefined]; }
// returns [[true,"undefined"],true]