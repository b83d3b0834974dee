// tsc drops the names.
const id = (v: any, c: any) => {};
class C { @id a = () => 1; @id b = function () {}; @id static c = class {}; @id #d = () => 1; d() { return this.#d.name } @id ["e" + 1] = () => 2; f = () => 3; @id accessor g = () => 4; @id h = (0, () => 1); }
export function main() { const c: any = new C(); return [c.a.name, c.b.name, C.c.name, c.d(), c.e1.name, c.f.name, c.g.name, c.h.name]; }
// returns ["a","b","c","#d","e1","f","g",""]