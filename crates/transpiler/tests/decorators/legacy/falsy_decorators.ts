const none: any = undefined; let n = 0; const one: any = () => { n++ };
@(none) class C { @(null as any) m() {} @(false as any) @one x = 1 }
export function main() { return [n, new C().x] }
// returns [1,1]