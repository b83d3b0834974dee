class Reg { log: any[] = []; add(v: any, c: any) { this.log.push(c.name); } static x = new Reg(); #priv(v: any, c: any) { this.log.push("#" + c.name); } use() { const self = this; class K { @(self.#priv) z = 1 } } }
const reg = new Reg(); const o = { reg, n: "add" as const };
@reg.add class A { @reg.add m() {} @o.reg.add f = 1; @(o.reg[o.n]) g = 1; @Reg.x.add h = 1; }
reg.use();
export function main() { return [reg.log, Reg.x.log]; }
// returns [["m","f","g","A","#z"],["h"]]