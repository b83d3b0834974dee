const d = (v: any, c: any) => () => c.name; 
const f = (x: number) => { switch (x) { case 1: class A { @d m() {} } return new A().m(); case 2: { class B { @d n() {} } return (new B() as any).n() } default: out: { class Z { @d z() {} } if (x) break out; return new Z().z() } } return "end" };
export function main() { return [f(1), f(2), f(0), f(5)]; }
// returns ["m","n","z","end"]