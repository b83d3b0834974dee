const p = (): any => () => ({ value: "ignored" }); class C { m(@p() a: any) { return a } }
export function main() { return new C().m(3) }
// returns 3