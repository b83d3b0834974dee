function measure<This, Args extends any[], R>(target: (this: This, ...args: Args) => R, context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => R>) { return function (this: This, ...args: Args): R { return target.call(this, ...args); }; }
function field<T, V>(_: undefined, ctx: ClassFieldDecoratorContext<T, V>) { return (v: V) => v; }
class Box<T> { @field value: T; constructor(v: T) { this.value = v } @measure get2<U>(u: U): [T, U] { return [this.value, u]; } @field declare2?: string; @field readonly r!: number; @(measure as any) async later(): Promise<T> { return this.value } }
export async function main() { const b = new Box(1); return [b.get2("x"), await b.later(), Object.keys(b)]; }
// returns [[1,"x"],1,["value","declare2","r"]]