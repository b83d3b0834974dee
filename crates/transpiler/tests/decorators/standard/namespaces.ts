const d = (v: any, c: any) => c.kind === "class" ? class extends v { static tag = c.name } as any : undefined;
namespace N { export @d class A { static self() { return A } @d m() { return 1 } } export const made = new A(); @d class Hidden {} export const tag = (Hidden as any).tag; export class Plain { @d x = 1 } }
export function main() { return [(N.A as any).tag, N.A.self() === N.A, N.made instanceof N.A, N.tag, new N.Plain().x]; }
// returns ["A",true,true,"Hidden",1]