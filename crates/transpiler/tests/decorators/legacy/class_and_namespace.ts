const d = (k: any) => { k.seen = true };
@d class C { static a = 1 } namespace C { export const b = 2 } interface C { extra: number }
export function main() { return [(C as any).seen, C.a, C.b] }
// returns [true,1,2]