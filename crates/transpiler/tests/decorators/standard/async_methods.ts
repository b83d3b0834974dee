const retry = (n: number) => (v: any, c: any) => async function (this: any, ...a: any[]) { for (let i = 0; ; i++) try { return await v.apply(this, a) } catch (e) { if (i >= n) throw e } };
class C { count = 0; @retry(3) async flaky(x: number) { if (this.count++ < 2) throw new Error("no"); return x + this.count } @retry(0) static async s() { return await new C().flaky(1) } }
export async function main() { return [await new C().flaky(10), await C.s()]; }
// returns [13,4]