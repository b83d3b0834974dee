const acc: any = {};
const d = (v: any, c: any) => { acc[c.name] = c.access; };
class C { @d f = 1; @d #p = 2; @d m() { return 3 } @d #pm() { return 4 } @d get g() { return 5 } @d accessor a = 6; @d static s = 7; @d static #sp = 8; seen() { return [this.f, this.#p, this.a]; } #w = 0; @d set w(x: number) { this.#w = x } wv() { return this.#w } }
export function main() { const c: any = new C(); acc.f.set(c, 10); acc["#p"].set(c, 20); acc.a.set(c, 60); acc.w.set(c, 9);
  return [acc.f.get(c), acc["#p"].get(c), acc.m.get(c).call(c), acc["#pm"].get(c).call(c), acc.g.get(c), acc.a.get(c), acc.s.get(C), acc["#sp"].get(C), acc.f.has(c), acc.f.has({}), acc["#p"].has(c), acc["#p"].has({}), acc["#sp"].has(C), c.seen(), c.wv()]; }
// returns [10,20,3,4,5,60,7,8,true,false,true,false,true,[10,20,60],9]