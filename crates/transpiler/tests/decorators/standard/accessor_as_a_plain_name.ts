class C { accessor = 1; static accessor() { return 2; } }
class D { accessor() { return 3; } get() { return 4 } }
class E { accessor
x = 5 }
export function main() { return [new C().accessor, C.accessor(), new D().accessor(), Object.keys(new E())]; }
// returns [1,2,3,["accessor","x"]]