(Reflect as any).decorate = (ds: any[], t: any, k: any, desc: any) => { out.push([ds.length, typeof t, k ?? null, desc === undefined ? "undefined" : typeof desc]); return undefined };
const out: any[] = []; const d: any = () => { throw new Error("not called") };
class C { @d m() {} @d f = 1 } let r; try { @d class D {} r = D } catch (e: any) { r = e.name }
export function main() { delete (Reflect as any).decorate; return [out, r === undefined] }
// returns [[[1,"object","m","object"],[1,"object","f","undefined"],[1,"function",null,"undefined"]],true]