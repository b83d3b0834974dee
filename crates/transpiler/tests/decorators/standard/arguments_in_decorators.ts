// tsc writes `arguments` where no engine takes it.
const seen: any[] = [];
const d = (x: any) => { seen.push(x); return (v: any, c: any) => {}; };
function f(a: any, b: any) { @d(arguments.length) class C { @d(arguments[1]) m() {} } return new.target === undefined; }
export function main() { return [f(1, "two"), seen]; }
// returns [true,[2,"two"]]