const up = (v: any, c: any) => c.kind === "getter" ? function (this: any) { return v.call(this) + 1; } : function (this: any, x: any) { v.call(this, x * 10); };
class C { _v = 0; @up get v() { return this._v } @up set v(x) { this._v = x } static _s = 0; @up static get s() { return this._s } static set s(x) { this._s = x } }
export function main() { const c = new C(); c.v = 2; C.s = 5; return [c.v, C.s, c._v]; }
// returns [21,6,20]