const out: any[] = [];
function watch(v: any, c: any) { return { get(this: any) { out.push("get " + String(c.name)); return v.get.call(this); }, set(this: any, x: any) { out.push("set " + x); v.set.call(this, x); }, init(x: any) { out.push("init " + x); return x * 2; } }; }
class C { @watch accessor x = 1; @watch static accessor y = 2; @watch accessor #z = 3; z() { return this.#z++ + this.#z; } }
export function main() { const c = new C(); c.x = 5; C.y += 1; return [c.x, C.y, c.z(), out, Object.keys(c), Object.getOwnPropertyNames(C.prototype)]; }
// returns [5,5,13,["init 2","init 1","init 3","set 5","get y","set 5","get x","get y","get #z","set 7","get #z"],[],["constructor","x","z"]]