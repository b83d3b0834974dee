const d = (v: any, c: any) => class extends v { static tag = "new" } as any;
@d class C { static a() { return [new C() instanceof C, (C as any).tag, typeof C, { C }.C === C, [...[C]][0] === C, `${C.name}`]; } static call() { try { (C as any)(); return "called" } catch (e: any) { return e.name } } b(x = C) { return x === C } static shadow(C: any) { return C } static inner() { class C { static n = C } return C.n.name } }
export function main() { return [C.a(), C.call(), new C().b(), C.shadow(7), C.inner(), C.name]; }
// returns [[true,"new","function",true,true,""],"TypeError",true,7,"C",""]