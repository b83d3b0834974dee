const out: any[] = []; const d = (t: any, k?: any): any => { out.push(k ?? t.name) };
function f() { using r = { [Symbol.dispose]() { out.push("disposed") } }; @d class C { @d m() { return C } } return new C().m() === C }
export function main() { return [f(), out] }
// returns [true,["m","C","disposed"]]