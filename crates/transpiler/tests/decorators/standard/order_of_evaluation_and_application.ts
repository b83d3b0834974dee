const out: string[] = [];
const d = (n: string) => { out.push("eval " + n); return (v: any, c: any) => { out.push("apply " + n); c.addInitializer(() => { out.push("init " + n); }); }; };
const key = (n: string) => { out.push("key " + n); return n; };
@d("c1") @d("c2") class C extends (out.push("extends"), Object) {
  @d("m1") @d("m2") [key("m")]() {}
  @d("f") [key("f")] = out.push("value f");
  @d("sf") static [key("sf")] = out.push("value sf");
  @d("sm") static [key("sm")]() {}
  @d("a") accessor [key("a")] = out.push("value a");
  @d("sa") static accessor [key("sa")] = out.push("value sa");
  @d("g") get [key("g")]() { return 1; }
  static { out.push("block"); }
}
export function main() { out.push("new"); new C(); return out; }
// returns ["eval c1","eval c2","extends","eval m1","eval m2","key m","eval f","key f","eval sf","key sf","eval sm","key sm","eval a","key a","eval sa","key sa","eval g","key g","apply sm","apply sa","apply m2","apply m1","apply a","apply g","apply sf","apply f","apply c2","apply c1","init sm","value sf","init sf","value sa","init sa","block","init c2","init c1","new","init m2","init m1","init g","value f","init f","value a","init a"]