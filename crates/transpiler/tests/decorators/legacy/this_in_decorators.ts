const out: any[] = []; const d = (v: any): any => (...a: any[]) => { out.push(v) };
class O { n = "o"; make() { @d(this.n) class I { @d(this.n + 1) m(@d(this.n + 2) a: any) {} @d(arguments.length) x = 1 } return I } }
export function main() { new (new O().make() as any)(); return out }
// returns ["o2","o1",0,"o"]