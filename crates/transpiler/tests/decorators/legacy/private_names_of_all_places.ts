// tsc writes a private name outside of the class.
const got: any[] = []; const val = (v: any): any => (...a: any[]) => { got.push(v) };
class P { #x = 1; static #s = 2; @val((p: any) => p.#x) m() {} @val((p: any) => #x in p) static n() {} o(@val(() => P.#s) a: any) {} constructor(@val(() => P.#s + 1) b?: any) {} @val("plain") q = 1; static run() { const p = new P(); return got.map((f) => typeof f === "function" ? f(p) : f) } }
export function main() { return P.run() }
// returns [1,2,"plain",true,3]