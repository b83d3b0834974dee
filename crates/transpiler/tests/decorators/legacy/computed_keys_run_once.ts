// tsc forgets to declare a variable.
let n = 0; const k = () => "k" + n++; const seen: any[] = []; const d = (t: any, key: any, x?: any) => { seen.push(key) };
class C { @d [k()]() { return 1 } @d [k()] = 2; @d static [k()] = 3; @d get [k()]() { return 4 } [k()](@d a: any) {} @d [Symbol.iterator]() {} @d 1 = 1; @d "two three" = 1; }
export function main() { return [n, seen.map(String), seen.map((x) => typeof x), Object.keys(new C())] }
// returns [5,["k0","k1","k3","k4","Symbol(Symbol.iterator)","1","two three","k2"],["string","string","string","string","symbol","number","string","string"],["1","k1","two three"]]