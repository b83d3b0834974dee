// Files that are JavaScript.

// ---- types are mistakes
export const main = (x: number) => x;

// ---- plain modern syntax
class A { static #x = 1; static { this.y = A.#x + 1 } z = 2; get w() { return this.z } }
export async function main({ n = 1 } = {}) { const o = { a: { b: null } }; return [A.y, new A().w, o?.a?.b ?? "none", n ** 2, await Promise.resolve(3), [..."ab"].at(-1)] }

// ---- names that TypeScript takes
const type = 1, interface_ = 2, declare = 3, namespace = 4, abstract = 5, as = 6, satisfies = 7, is = 8; let enumerate = (type, interface_);
export const main = () => [type, interface_, declare, namespace, abstract, as, satisfies, is, enumerate];

// ---- comparisons that look like generics
const f = (...x) => x, a = 1, b = 2, c = 3;
export const main = () => [f(a < b, b > (c)), f<a, f < b > (c), a<b>c, new Date < 5, f(a<b,c>(b))];

// ---- an arrow beside a conditional with colons
const t = true, x = 1;
export const main = () => [t ? (x) : (y => y), t ? x => x : 1, (t ? ({ x }) : 2).x, t ? [x] : x].map((v) => typeof v === "function" ? "f" : v);

// ---- hashes and private names in expressions
class P { #a = 1; #b() { return 2 } static has(o) { return #a in o && #b in o } c = this.#a + this.#b() }
export const main = () => [P.has(new P()), P.has({}), new P().c];

// ---- old habits
var self = this; function Animal(name) { if (!(this instanceof Animal)) return new Animal(name); this.name = name } Animal.prototype.speak = function () { return this.name + "!" };
function Dog() { Animal.apply(this, arguments) } Dog.prototype = Object.create(Animal.prototype, { constructor: { value: Dog } });
export const main = () => [new Dog("rex").speak(), Animal("cat").name, self === undefined, new Dog("a").constructor.name];

// ---- bundled code in one line
var d=Object.defineProperty;var e=(t,r)=>{for(var n in r)d(t,n,{get:r[n],enumerable:!0})};var i={};e(i,{a:()=>o,default:()=>s});var o=1,s=()=>2;var u=((t,r)=>()=>(t&&(r=t(t=0)),r))(()=>"lazy");async function l(){return[i.a,i.default(),u(),u(),Object.keys(i)]}export{l as main,o as other};
