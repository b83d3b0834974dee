const out: any[] = []; const d = (v: any): any => (...a: any[]) => { out.push(v) };
class B { tag() { return "base" } } class O extends B { make() { class I { @d(super.tag()) m(@d(super.tag() + 1) a: any) {} } return I } }
export function main() { new O().make(); return out }
// returns ["base1","base"]