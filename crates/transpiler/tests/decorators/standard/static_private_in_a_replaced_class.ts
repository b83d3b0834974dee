// tsc does not take a private name in an optional chain.
const wrap = (v: any, c: any) => class extends v { static more = 1 } as any;
@wrap class C { static #n = 1; static #inc() { return ++this.#n } static get #g() { return this.pub } static pub = "p"; static run() { C.#n += 5; return [C.#inc(), C.#g, #n in C, C?.#n, C.#n++, [C.#n].length, ({ v: C.#n } = { v: 3 }, C.#n)] } }
export function main() { return C.run(); }
// returns [7,"p",true,7,7,1,3]