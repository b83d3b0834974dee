const neg = (v: any, c: any) => (x: number) => -x;
class A { @neg a = 1; b = this.a; sum() { return this.a + this.b } }
class B extends A { @neg a = this.b + 1; @neg c = super.sum(); d; constructor(public p: number, readonly q = p * 2) { super(); this.d = this.q; } }
export function main() { const b = new B(4); return [{ ...b }, Object.keys(b)]; }
// returns [{"a":0,"b":-1,"p":4,"q":8,"c":1,"d":8},["a","b","p","q","c","d"]]