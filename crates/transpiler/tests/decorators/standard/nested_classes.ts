const out: string[] = []; const d = (n: string) => (v: any, c: any) => { out.push(n) };
@d("outer") class O { @d("om") m() { @d("inner") class I { @d("im") x = class { @d("deep") y = 1 } } return new I().x; } @d("of") f = class { @d("ff") z = 2 }; }
export function main() { const o = new O(); new (o.m())(); new (o.f as any)(); return out; }
// returns ["om","of","outer","ff","im","inner","deep"]