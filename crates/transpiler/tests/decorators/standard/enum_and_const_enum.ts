const enum K { A = 1, B = A * 2 } enum E { X = K.B } const d = (v: any, c: any) => (x: any) => x + E.X; class C { @d v = K.A }
export function main() { return new C().v }
// returns 3