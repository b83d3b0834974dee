const boom = (v: any, c: any) => { throw new Error("no " + c.name) };
export function main() { try { class C { @boom m() {} } } catch (e: any) { return e.message } }
// returns "no m"