const dec = <T,>(x?: T): any => (v: any, c: any) => {};
class C { @dec<string>() a = 1; @(dec() as any) b = 2; @(dec()!) c = 3; @((<any>dec)()) d = 4 }
export function main() { return Object.keys(new C()) }
// returns ["a","b","c","d"]