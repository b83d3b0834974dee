const d = (v: any, c: any) => {};
const A = class { @d x = 1; static n = this.name; };
const f = (B = class { @d m() {} }) => B.name;
class H { c = class { @d y = 1 }; ["k"] = class { @d y = 1 } }
export function main() { return [A.name, A.n, f(), new H().c.name, (new H() as any).k.name]; }
// returns ["A","A","B","c","k"]