// tsc defines static fields on the class that was replaced.
const wrap = (v: any, c: any) => class W extends v { } as any;
const plus = (v: any, c: any) => { c.addInitializer?.(function (this: any) { this.log = (this.log ?? "") + c.name + (this === C ? "!" : "?") }); return c.kind === "field" ? (x: number) => x + 1 : undefined };
let C: any; C = @wrap class C { @plus static f = 1; @plus static m() { return 2 } @plus static accessor a = 3; static plain = 4 };
export function main() { return [C.f, C.m(), C.a, C.plain, C.log, Object.keys(C)]; }
// returns [2,2,3,4,"m?f?a?",["log","f","plain"]]