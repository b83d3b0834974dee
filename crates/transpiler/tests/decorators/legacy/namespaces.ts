const d = (k: any): any => class extends k { tag = k.name }; const e = (t: any, k: any) => { t.seen = k };
namespace N { @d export class A { static me = () => A; @e m() {} } export const a = new A(); @d class H {} export const h: any = new H(); export class P { @e q = 1 } }
export function main() { return [(N.a as any).tag, N.A.me() === N.A, N.h.tag, (N.P.prototype as any).seen, (N.A.prototype as any).seen] }
// returns ["A",true,"H","q","m"]