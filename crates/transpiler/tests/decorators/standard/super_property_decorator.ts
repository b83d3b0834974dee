// tsc writes `super` where it means something else.
class B { static d(v: any, c: any) { seen.push([c.name, (this as any) === A]) } } const seen: any[] = []; class A extends B { static run() { class K { @super.d m() {} @(super.d) n() {} } } } A.run();
export function main() { return seen }
// returns [["m",true],["n",true]]