// tsc takes JSX in a .tsx file only.
// JSX is plain objects here, so tsc was not asked.
const d = (v: any, c: any) => class extends v { static tag = 1 } as any;
@d class C { static el() { return <C a={1}><C.Inner/></C>; } static Inner = "inner" }
export function main() { const e: any = C.el(); return [e.type === C, e.props.children.type]; }
// returns [true,"inner"]