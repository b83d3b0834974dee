let fns: any = {};
const keep = (v: any, c: any) => { fns[c.name] = c.kind === "accessor" ? [v.get.name, v.set.name] : v.name; };
class C { @keep #m() {} @keep get #g() { return 1 } @keep set #s(x: any) {} @keep accessor #a = 1; @keep static #sm() {} @keep m() {} @keep get g() { return 1 } }
export function main() { return fns; }
// returns {"#sm":"#sm","#m":"#m","#g":"get #g","#s":"set #s","#a":["get #a","set #a"],"m":"m","g":"get g"}