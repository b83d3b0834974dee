const out: any[] = []; const d = (v: any, c: any) => { out.push(c.name) };
@d class C { static a = 1; static { out.push(this.a, this === C); var x = 5; const y = () => this.a; out.push(y(), x); } @d static b = 2; static { var x = 6; out.push(x, C.b); } static { @d class Inner { @d z = 1 } out.push(new Inner().z); } }
export function main() { return out; }
// returns ["b","C",1,true,1,5,6,2,"z","Inner",1]