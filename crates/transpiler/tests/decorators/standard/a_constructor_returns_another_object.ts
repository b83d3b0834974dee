const d = (v: any, c: any) => { c.addInitializer(function (this: any) { this.seen = c.name }) };
class Base { constructor(o: any) { return o } } class Stamp extends Base { @d #x = 1; @d m() {} static has(o: any) { return #x in o } }
export function main() { const o: any = {}; new Stamp(o); return [Stamp.has(o), o.seen]; }
// returns [true,"#x"]