const out: string[] = [];
const d = (n: string) => (v: any, c: any) => { c.addInitializer(function (this: any) { out.push(n + (typeof this === "function" ? " static" : " instance")); }); };
class B { constructor() { out.push("base"); } }
@d("class") class C extends B { @d("f") f = out.push("f value"); @d("m") m() {} @d("g") get g() { return 1 } @d("sm") static sm() {} @d("sf") static sf = out.push("sf value"); h = out.push("h value"); @d("a") accessor a = out.push("a value"); constructor() { out.push("before super"); super(); out.push("after super"); } }
export function main() { new C(); return out; }
// returns ["sm static","sf value","sf static","class static","before super","base","m instance","g instance","f value","f instance","h value","a value","a instance","after super"]