const w = (v: any, c: any) => class extends v {} as any; const id = (v: any, c: any) => v;
@w class A { @id static get x() { return this === (A as any) } @id static accessor y = this === (A as any); static z = [this].map((t) => t === A)[0]; @id static #p() { return this === (A as any) } static run() { return A.#p() } }
export function main() { const K: any = A; return [K.x, K.y, K.z, K.run()] }
// returns [true,true,true,true]