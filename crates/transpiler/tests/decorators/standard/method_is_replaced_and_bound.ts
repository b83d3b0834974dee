const log: string[] = [];
function logged(value: any, ctx: any) { return function (this: any, ...a: any[]) { log.push("call " + String(ctx.name)); return value.apply(this, a); }; }
function bound(_v: any, ctx: any) { ctx.addInitializer(function (this: any) { this[ctx.name] = this[ctx.name].bind(this); }); }
class S { n = 2; @logged @bound twice(x: number) { return x * this.n; } }
export function main() { const { twice } = new S(); return [twice(4), log]; }
// returns [8,["call twice"]]