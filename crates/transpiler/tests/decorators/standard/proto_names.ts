const d = (v: any, c: any) => { };
class C { @d ["__proto__"]() { return 1 } @d static ["__proto__"] = 5; @d "constructor2" = 1; }
export function main() { return [Object.getOwnPropertyNames(C.prototype), Object.getOwnPropertyDescriptor(C, "__proto__")!.value]; }
// returns [["constructor","__proto__"],5]