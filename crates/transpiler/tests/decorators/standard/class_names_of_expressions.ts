const out: any[] = [];
const d = (v: any, c: any) => { out.push([c.name, v.name]); };
const A = @d class {};
const B = @d class Named {};
let C; C = @d class {};
const o = { D: @d class {}, ["E" + 1]: @d class {}, [Symbol.for("sym")]: @d class {} };
const [F = @d class {}] = []; const { G = @d class {} } = {} as any;
const fn = (H = @d class {}) => H; fn();
class I { j = @d class {}; static k = @d class {}; #l = @d class {}; ["m" + 2] = @d class {}; } new I();
let N: any; N ??= @d class {}; ({ O: N = @d class {} } = {} as any);
const P = (@d class {}); (@d class {});
const Q = @d class { static name = "own"; };
export function main() { return [out, A.name, B.name, C!.name, o.D.name, F.name, G.name, P.name, Q.name]; }
// returns [[["A","A"],["Named","Named"],["C","C"],["D","D"],["E1","E1"],["[sym]","[sym]"],["F","F"],["G","G"],["H","H"],["k","k"],["j","j"],["#l","#l"],["m2","m2"],["N","N"],["N","N"],["P","P"],["",""],["Q","Q"]],"A","Named","C","D","F","G","P","own"]