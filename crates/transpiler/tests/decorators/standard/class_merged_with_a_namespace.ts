const d = (v: any, c: any) => { v.seen = c.name };
@d class C { static a = 1 } namespace C { export const b = 2; }
export function main() { return [(C as any).seen, C.a, C.b]; }
// returns ["C",1,2]