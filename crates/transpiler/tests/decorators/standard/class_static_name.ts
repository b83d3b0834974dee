// tsc overrides a static method `name`.
const d = (v: any, c: any) => { seen.push(c.name, typeof v.name) }; const seen: any[] = [];
const X = @d class { static name() { return 1 } }; const Y = @d class { static name = "own" }; 
export function main() { return [seen, typeof X.name, Y.name] }
// returns [["X","function","Y","string"],"function","own"]