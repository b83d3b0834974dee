const t = (f: () => any) => { try { f(); return "none"; } catch (e: any) { return e.name + ": " + e.message; } };
const give = (x: any): any => () => x;
let late: any;
export function main() { return [
  t(() => { @(give(1)) class A {} }), t(() => { @(give(null)) class A {} }), t(() => { class A { @(give({})) m() {} } }), t(() => { class A { @(give(0)) f = 1 } }),
  t(() => { class A { @(give(null)) accessor x = 1 } }), t(() => { class A { @(give({ get: 1 })) accessor x = 1 } }), t(() => { class A { @(give(1)) get x() { return 1 } } }), t(() => { class A { @((v: any, c: any) => { c.addInitializer(1) }) m() {} } }),
  t(() => { class A { @((v: any, c: any) => { late = c }) m() {} } late.addInitializer(() => {}); }), t(() => { class A { @(give(undefined)) m() {} } }) ]; }
// returns ["TypeError: Function expected","TypeError: Function expected","TypeError: Function expected","TypeError: Function expected","TypeError: Object expected","TypeError: Function expected","TypeError: Function expected","TypeError: Function expected","TypeError: Cannot add initializers after decoration has completed","none"]