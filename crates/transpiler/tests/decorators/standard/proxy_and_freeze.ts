const freeze = (v: any, c: any) => { c.addInitializer(function (this: any) { Object.freeze(this) }) };
const proxied = (v: any, c: any) => new Proxy(v, { construct: (t, a, n) => Object.assign(Reflect.construct(t, a, n), { p: 1 }) });
@freeze class A { static x = 1 } @proxied class B { static #c = 5; static get() { return B.#c } static has() { return #c in B } }
export function main() { return [Object.isFrozen(A), (new B() as any).p, B.get(), B.has()] }
// returns [true,1,5,true]