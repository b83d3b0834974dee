// tsc defines static fields on the class that was replaced.
class Other { static tag = "other"; }
const swap = (k: any, c: any) => Other as any;
const old: any = {};
const keep = (k: any, c: any) => { old.k = k; };
@swap @keep class A { static f = 1; static #p = 2; static #m() { return this === (Other as any); } static viaA() { return [A === (Other as any), A.#p, A.#m()]; } static { this.f += 10; } static get g() { return A } }
export function main() { return [A === (Other as any), (A as any).f, (A as any).tag, old.k.viaA(), old.k.f === undefined, old.k.g === A]; }
// returns [true,11,"other",[true,2,true],true,true]