const d = (v: any, c: any) => v; @((v: any, c: any) => class extends v {} as any) class A { static p = (async () => { await null; return this.n })(); static n = 7; @d static async m() { return [await A.p, this === A] } }
export async function main() { return A.m() }
// returns [7,true]