const d = (v: any, c: any) => () => c.name; const o = { m(K = class { @d a() {} }) { return new K().a() }, get g() { return class { @d b() {} } }, async *h() { yield class { @d c() {} } }, ...{ x: class { @d y() {} } } };
export async function main() { return [o.m(), new o.g().b(), new (await o.h().next()).value!().c(), new o.x().y()] }
// returns ["a","b","c","y"]