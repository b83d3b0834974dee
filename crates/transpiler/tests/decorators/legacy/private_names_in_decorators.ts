const got: any[] = []; function val(v: any) { return (t: any, k: any) => { got.push(v); }; }
class P { static #secret = 5; @val(() => P.#secret) x = 1; static read() { return got.map((f) => f()); } }
export function main() { return P.read(); }
// returns [5]