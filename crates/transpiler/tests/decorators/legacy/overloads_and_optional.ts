const seen: any[] = []; const d = (t: any, k: any, i: any) => { seen.push([k, typeof i]) };
class C { m(a: string): void; m(a: number, b?: string): void; @d m(@d a: any, @d b?: any) {} @d opt?: string; @d readonly r!: number; @d private static p?: string }
export function main() { return [seen, Object.keys(new C())] }
// returns [[["m","number"],["m","number"],["m","object"],["opt","undefined"],["r","undefined"],["p","undefined"]],["opt","r"]]