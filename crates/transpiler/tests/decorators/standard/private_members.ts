const double = (v: any, c: any) => function (this: any, ...a: any[]) { return v.apply(this, a) * 2; };
class C {
  #n = 3;
  @double #m(x: number) { return this.#n * x; }
  @double get #g() { return this.#n; }
  @double static #sm(x: number) { return x + 1; }
  #v = 0; @((v: any) => function (this: any, x: any) { v.call(this, x + 1); }) set #s(x: number) { this.#v = x; } get #s() { return this.#v; }
  run() { this.#s = 41; return [this.#m(2), this.#g, C.#sm(1), this.#s, #m in this, this.#m.name, #m in {}]; }
}
export function main() { return new C().run(); }
// returns [12,6,4,42,true,"",false]