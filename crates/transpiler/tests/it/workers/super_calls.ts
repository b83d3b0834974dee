// `tsc` wants `super()` to be a statement of the constructor or of a `try`, and refuses these; they run all the same.
class Kind { constructor(public kind: string) {} }
class Condition extends Kind {
    constructor(private x: number, flag: boolean) { if (flag) { super("yes"); } else { super("no"); } }
    all() { return [this.kind, this.x]; }
}

class One { v = 1; }
class Logical extends One { constructor(public x: number, f: boolean) { f && super() || super(); } }
class Value extends One { constructor(public x: number) { const self = super(); self.v = this.x; } }
class Arrow extends One { constructor(public x: number) { const go = () => super(); go(); } }
class InList extends One { constructor(public x: number) { [super()]; } }

class Nothing {}
class Switch extends Nothing { constructor(public x: number) { switch (x) { case 1: super(); break; default: super(); } } }
class Loop extends Nothing { constructor(public x: number) { do { super(); } while (false); } }
class Blocks extends Nothing { constructor(public x: number) { { { super(); } } } }
class Label extends Nothing { constructor(public x: number) { out: { super(); break out; } } }

class Fails { constructor(fail: boolean) { if (fail) throw new Error("first"); } }
class Again extends Fails {
    constructor(public id: string, public tries = 0) { try { super(true); } catch { super(false); } finally { tries++; } }
}

class Inner extends Kind {
    constructor(public own: string) { class Deep extends Kind { constructor(public own: string) { super(own); } } try { super(new Deep("inner").own); } finally { } }
}

export function nested() {
    const pairs = [new Logical(1, false), new Value(2), new Arrow(3), new InList(4)].map((o) => [o.x, o.v]);
    const single = [new Switch(1), new Switch(2), new Loop(3), new Blocks(4), new Label(5)].map((o) => [o.x]);
    const again = new Again("q");
    return [new Condition(1, true).all(), new Condition(2, false).all(), ...pairs, ...single, [again.id, again.tries], new Inner("own").kind];
}
