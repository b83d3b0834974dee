// tsc does not parse a decorated class after `=>`.
const d = (v: any, c: any) => () => c.name;
const f = () => class { @d m() {} }; const g = (K = class { @d p() {} }, { L = class { @d q() {} } } = {}) => [new K().p(), new L().q()];
const h = async (x = (() => @d2 class { @d r() {} })()) => new (x as any)().r(); function d2(v: any, c: any) { return class extends v {} as any }
class M { k(K = class { @d s() {} }) { return new K().s() } }
export async function main() { const A = f(), B = f(); return [new A().m(), A === B, g(), await h(), new M().k()]; }
// returns ["m",false,["p","q"],"r","s"]