const add = (n: number) => (v: undefined, c: any) => function (this: any, x: number) { return x + n; };
const times = (n: number) => (v: undefined, c: any) => (x: number) => x * n;
class C { @add(1) @times(10) a = 2; @times(10) @add(1) b = this.a; @add(5) static s = 1; @add(7) #p = 1; p() { return this.#p } @add(1) nothing: any; }
export function main() { const c = new C(); return [c.a, c.b, C.s, c.p(), String(c.nothing), Object.keys(c)]; }
// returns [30,301,6,8,"NaN",["a","b","nothing"]]