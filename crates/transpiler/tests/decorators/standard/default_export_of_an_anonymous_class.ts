let seen: any;
const d = (v: any, c: any) => { seen = [c.kind, c.name, v.name]; };
export default @d class { x = 1 }
export function main() { return seen; }
// returns ["class","default","default"]