const seen: string[] = []; const d = (t: any, k: any) => { seen.push((typeof t === "function" ? "static " : "inst ") + k); };
class O { @d static s1 = 1; @d x = 1; @d static sm() {} @d m() {} @d static get g() { return 1 } @d y = 2 }
export function main() { return seen; }
// returns ["inst x","inst m","inst y","static s1","static sm","static g"]