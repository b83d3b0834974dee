// tsc writes `super` where it means something else.
class Base { tag() { return "base"; } static tag() { return "static base"; } }
const seen: any[] = [];
const d = (x: any) => { seen.push(x); return (v: any, c: any) => {}; };
class Outer extends Base { name = "outer"; make() { @d(this.name) class I extends (seen.push(this.name), Object) { @d(super.tag()) m() {} @d(this.name + 1) f = 1; @d(this.name + 2) static accessor a = 1; } return I; } static make() { class J { @d(super.tag()) [(seen.push(super.tag()), "k")] = 1 } } }
export function main() { new Outer().make(); Outer.make(); return seen; }
// returns ["outer","outer","base","outer1","outer2","static base","static base"]