const d = (v: any, c: any) => (x: any) => x; class A { static #n = 0; @d id = ++A.#n; @d static total = () => A.#n; @d #s = A.#n * 2; get s() { return this.#s } }
export function main() { new A(); return [new A().id, A.total(), new A().s] }
// returns [2,2,6]