const d = (v: any): any => (...a: any[]) => { out.push(v) }; const out: any[] = []; const later = async (x: any) => x;
@d(await later("class")) class C { @d(await later("m")) m() {} @d(await later("f")) f = 1; n(@d(await later("p")) a: any) {} async o(@d(await later("q")) a: any) {} constructor(@d(await later("cp")) a?: any) {} set s(@d(await later("sp")) v: any) {} }
async function inner() { class D { m(@d(await later("inner")) a: any) {} } }
export async function main() { await inner(); return out }
// returns ["m","f","p","q","cp","class","inner"]