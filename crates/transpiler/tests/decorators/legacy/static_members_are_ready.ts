const d = (v: any): any => (...a: any[]) => { out.push(v) }; const out: any[] = [];
class C { static x = 1; @d(C.x) m() {} static { C.x = 2 } @d(C.x) static s = C.x; n(@d(C.x + 1) a: any) {} }
export function main() { return out }
// returns [2,3,2]