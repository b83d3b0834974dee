let seen: any;
const d = (v: any, c: any) => { seen = [c.kind, c.name, v.name]; return class extends v { more = C === v } as any; };
@d export default class C { x = 1; me = () => C }
export function main() { const c: any = new C(); return [seen, c.x, c.more, c.me() === C]; }
// returns [["class","C","C"],1,false,true]