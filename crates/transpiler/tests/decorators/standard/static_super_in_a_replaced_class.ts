// tsc defines static fields on the class that was replaced.
class B { static hi() { return "hi " + this.name } static v = 3 }
const wrap = (v: any, c: any) => class W extends v { } as any;
@wrap class C extends B { static a = super.hi(); static { (this as any).b = super.v; } static c = () => this.name; static d = { e: this === C } }
export function main() { const K: any = C; return [K.a, K.b, K.c(), K.d, Object.keys(K)]; }
// returns ["hi W",3,"W",{"e":true},["a","b","c","d"]]