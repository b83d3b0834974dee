const d = (t: any, k: any) => { t[k + "Seen"] = true };
export function main() { switch (1 as number) { case 1: class A { @d m() {} } return (A.prototype as any).mSeen; default: return 0 } }
// returns true