const w = (v: any, c: any) => class extends v {} as any;
@w class A { static #p() { return this.name2 + (() => this.name2)() } static name2 = "n"; static run() { return A.#p() } static #q() { return class { [this.name2] = 1; static s = this } } static run2() { return Object.keys(new (A.#q())() as any) } }
export function main() { return [A.run(), A.run2()] }
// returns ["nn",["n"]]