// tsc gives undefined for the name of a class that is not there yet, where the proposal throws.
const fns: any[] = []; const t = (f: any) => { try { return f().name } catch (e: any) { return e.name + ": " + e.message } };
const early: any[] = [];
const d = (f: any) => { early.push(t(f)); fns.push(f); return (v: any, c: any) => {}; };
@d(() => C) class C { @d(() => C) m() {} @d(() => C) static f = C.name; }
export function main() { const D = C; (C as any) = class X {}; return [early, fns.map(t), D.f]; }
// returns [["ReferenceError: Cannot access 'C' before initialization","ReferenceError: Cannot access 'C' before initialization","ReferenceError: Cannot access 'C' before initialization"],["X","C","C"],"C"]