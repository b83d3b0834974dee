function sub(k: any): any { return class extends k { extra = "e" } }
const keep: any[] = []; const see = (k: any) => { keep.push(k) };
@sub @see class A { static make() { return new A() } static n = 1; me() { return A } static t = A; }
export function main() { const a: any = A.make(); return [a.extra, a.me() === A, keep[0] !== A, A.t === keep[0], A.n, A.name] }
// returns ["e",true,true,true,1,""]