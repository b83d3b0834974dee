// tsc has one variable for the classes of all rounds.
const tag = (i: number): any => (t: any, k: any) => { t["tag" + k] = i }; const all: any[] = [];
for (let i = 0; i < 3; i++) { @((k: any): any => class extends k { i = i }) class C { @tag(i) m() {} static me = () => C } all.push(C) }
export function main() { return all.map((C) => [new C().i, C.prototype.tagm, C.me() === C]) }
// returns [[0,0,true],[1,1,true],[2,2,true]]