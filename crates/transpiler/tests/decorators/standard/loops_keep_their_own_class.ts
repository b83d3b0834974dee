// tsc does not parse a decorated class after `=>`.
const mk = (n: number) => (v: any, c: any) => function () { return n; };
const list: any[] = []; 
for (let i = 0; i < 3; i++) { class C { @mk(i) m() { return -1 } static get self() { return C } } list.push(C); }
for (const i of [3, 4]) list.push(class { @mk(i) m() { return -1 } });
const made = [5, 6].map((i) => @mk2 class K { i = i; static me = () => K; });
function mk2(v: any, c: any) { return class extends v { j = this.i * 2 } as any; }
let n = 0; while (n < 2) list.push(@mk2 class { @mk(++n + 6) m() {} i = 1 });
const all = (function* () { for (;;) yield class { @mk(9) m() {} }; })();
list.push(all.next().value);
export function main() { return [list.map((C) => new C().m()), made.map((K: any) => [new K().i, new K().j, K.me() === K])]; }
// returns [[0,1,2,3,4,7,8,9],[[5,10,true],[6,12,true]]]