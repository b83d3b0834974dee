const out: string[] = []; const d = (v: any, c: any) => { out.push("dec " + String(c.name)); return c.kind === "class" ? class extends v {} : v };
const res = (n: string) => ({ [Symbol.dispose]() { out.push("dispose " + n) } });
function f() { using a = res("a"); @d class C { @d m() { return C } } using b = res("b"); const E = @d class { @d x() {} }; return new C().m() === C; }
export function main() { return [f(), out]; }
// returns [true,["dec m","dec C","dec x","dec E","dispose b","dispose a"]]