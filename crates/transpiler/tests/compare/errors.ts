// Errors: what is thrown, and where.

// ---- the line of a throw
export function main() {
	const a = 1;

	throw new Error(`on line five, ${a}`);
}

// ---- frames of nested calls
function third(): never {
	throw new TypeError("third");
}
const second = () => {
	third();
};
class First {
	go() {
		second();
	}
	static start() {
		new First().go();
	}
}
export function main() {
	First.start();
}

// ---- types above do not move lines
interface Long {
	a: string;
	b: number;
}
type Other = {
	[K in keyof Long]: Long[K];
};
declare const nothing: Other;
abstract class A {
	abstract x(): void;
	f(
		a: number,
		b?: string,
	): never {
		throw new RangeError(
			`${a} ${b}`,
		);
	}
}
class B extends A { x() {} }
export const main = () => new B().f(1);

// ---- lines after enums and namespaces
enum E {
	A,
	B = 5,
}
namespace N {
	export const fail = () => {
		throw new Error(`in a namespace ${E.B}`);
	};
}
export const main = () => N.fail();

// ---- lines in constructors with parameter properties
class P {
	field = this.check();
	constructor(
		public readonly a: number,
		private b = "x",
	) {
		throw new Error(this.b);
	}
	check() {
		if (this.a > 1) throw new Error("in a field");
		return 1;
	}
}
export function main() {
	try {
		new P(2);
	} catch (error) {
		throw new Error("wrapped", { cause: error });
	}
	new P(1);
}

// ---- async stacks
async function inner() {
	await null;
	throw new Error("async");
}
async function middle() {
	await inner();
}
export async function main() {
	await 1;
	await middle();
}

// ---- async stacks of methods and arrows
const load = async () => {
	await new Promise((resolve) => setTimeout(resolve, 1));
	throw new Error("late");
};
class Service {
	async run() {
		return await Promise.all([load(), 1]);
	}
}
export const main = async () => {
	await new Service().run();
};

// ---- frames of generators and callbacks
function* g() {
	yield 1;
	throw new Error("in a generator");
}
export function main() {
	[1].forEach(function each() {
		for (const x of g()) x;
	});
}

// ---- frames of getters setters and static blocks
class C {
	get v(): never {
		throw new Error("getter");
	}
	set w(_: number) {
		this.v;
	}
	static go() {
		new C().w = 1;
	}
}
export function main() {
	C.go();
}

// ---- a native frame in between
export function main() {
	return JSON.parse("{", function reviver() {});
}

// ---- a callback of a native function
export const main = () =>
	[3, 1].sort((a, b) => {
		throw new Error(`compare ${a} ${b}`);
	});

// ---- calls of what is not a function
export function main() {
	const o: any = { a: { b: 1 } };
	const tries = [() => o.x(), () => o.a.b(), () => o.a.c.d, () => o.a.b.c.d, () => new o.a(), () => null!.x, () => (undefined as any).y = 1, () => o.a[Symbol.iterator](), () => { const { p } = o.none }, () => o["a"]["z"](), () => [...o], () => o.a`t`, () => new (class { #x; static r(o: any) { o.#x } } as any).r({}), () => "a" in ("b" as any), () => ({}) instanceof (5 as any), () => missing, () => 1n + (1 as any), () => new Array(-1), () => "x".repeat(-1), () => (1).toFixed(101), () => decodeURI("%"), () => Symbol() + "", () => Object.defineProperty(Object.freeze({}), "a", {}), () => structuredClone(Symbol("s"))];
	return tries.map((f: any) => { try { f(); return "ok" } catch (error) { return `${error}` } });
}
declare const missing: any; declare global { interface Null { x: any } }

// ---- names in messages are those of the source
export function main() {
	const settings: any = {}, list: any = undefined; class Widget { part: any; go() { return this.part.size } }
	const tries = [() => settings.theme.color, () => settings.save(), () => list.length, () => list[0], () => new Widget().go(), () => settings.a.b?.c, () => new settings.Thing(), () => settings.f?.().g.h ?? settings.g(), () => Widget(), () => (0, settings.x)()];
	return tries.map((f: any) => { try { f(); return "ok" } catch (error) { return (error as Error).message } });
}

// ---- a cause and its cause
export function main() {
	throw new Error("outer", { cause: new TypeError("inner", { cause: "a text" }) });
}

// ---- an aggregate error
export function main() {
	throw new AggregateError([new Error("one"), new RangeError("two")], "several");
}

// ---- an error of every kind
export const main = () => [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError, AggregateError as any].map((E) => { const e = E === AggregateError ? new E([1], "m") : new E("m", { cause: 1 }); return [e.name, e.message, e.cause ?? "none", `${e}`, E.length, e instanceof Error, Object.keys(e), E("called") instanceof E] });

// ---- an error class of one's own
class NotFound extends Error {
	status = 404;
	constructor(what: string) {
		super(`${what} not found`);
		this.name = "NotFound";
	}
}
export function main() {
	throw new NotFound("it");
}

// ---- an error class by new.target
class AppError extends Error {
	constructor(message: string) {
		super(message);
		this.name = new.target.name;
		Error.captureStackTrace(this, AppError);
	}
}
class Special extends AppError {}
const make = () => new Special("special");
export function main() {
	throw make();
}

// ---- an error with a code
export function main() {
	throw Object.assign(new Error("coded"), { code: "E_CODED", extra: 1 });
}

// ---- an error of Node.js
import { readFileSync } from "node:fs";
export function main() {
	readFileSync("/definitely/not/there");
}

// ---- an error of an argument
import { createHash } from "node:crypto";
export function main() {
	createHash("md5").update(5 as any);
}

// ---- an error of DOM
export function main() {
	structuredClone(Symbol("s"));
}

// ---- a text is thrown
export function main() { throw "just a text" }

// ---- a number is thrown
export function main() { throw 42 }

// ---- a rejection with an error
export const main = () => Promise.reject(new SyntaxError("rejected"));

// ---- finally runs before the error arrives
export async function main() {
	try {
		throw new Error("first");
	} finally {
		console.log("finally");
	}
}

// ---- an error that is thrown again keeps its stack
const make = () => new Error("made here");
export async function main() {
	const kept = make();
	await null;
	throw kept;
}

// ---- stack limits and captureStackTrace
export function main() {
	const a = (): string => new Error("x").stack!.split("\n").length + "";
	Error.stackTraceLimit = 0;
	const none = a();
	Error.stackTraceLimit = 10;
	const o: any = {};
	Error.captureStackTrace(o, main);
	return [none, typeof o.stack, o.stack.split("\n")[0]];
}

// ---- stacks as text
function where() {
	return new Error("here").stack;
}
export function main() {
	const lines = where()!.split("\n");
	return [lines[0], lines[1], lines[2]];
}

// ---- call sites
export function main() {
	const before = Error.prepareStackTrace;
	Error.prepareStackTrace = (_, sites) => sites;
	const sites = new Error().stack as any;
	Error.prepareStackTrace = before;
	return [Array.isArray(sites), sites[0].getFunctionName(), typeof sites[0].getLineNumber(), sites[0].isConstructor(), sites[0].isAsync()];
}

// ---- Error.isError and friends
export const main = () => [(Error as any).isError(new TypeError()), (Error as any).isError({ name: "Error" }), Error.prototype.toString.call({ name: "N", message: "m" }), new Error().message, "message" in new Error(), Object.hasOwn(new Error(), "message"), Object.hasOwn(new Error("x"), "message"), new Error(undefined).message, new Error(5 as any).message, "cause" in new Error("x", {})];

// ---- an error in an event listener
import { EventEmitter } from "node:events";
export function main() {
	const e = new EventEmitter();
	e.on("x", () => {
		throw new Error("in a listener");
	});
	e.emit("x");
}

// ---- an error in a tagged template and in default values
const tag = (strings: TemplateStringsArray, f: () => unknown) => f();
function withDefault(
	a = tag`x${() => {
		throw new Error("in a default");
	}}`,
) {
	return a;
}
export function main() {
	withDefault();
}

// ---- an error in eval and in new Function
export function main() {
	try { eval("throw new Error('evil')") } catch (error) { return [(error as Error).message, (() => { try { eval("1 +") } catch (e) { return [(e as Error).name, (e as Error).message] } })(), (() => { try { new Function("nope()")() } catch (e) { return (e as Error).message } })()] }
}

// ---- an error on the last line without a line end
const f = () => { throw new Error("last") };
export const main = () => f();

// ---- frames of functions that only an assignment names
const o: any = {};
o.fail = () => {
	throw new Error("assigned");
};
o.deep = { er: {} };
o.deep.er.still = function () {
	o.fail();
};
const list = [
	() => {
		o.deep.er.still();
	},
];
class C {}
(C.prototype as any).go = () => list[0]();
export function main() {
	(new C() as any).go();
}

// ---- frames of functions that nothing names
const run = (f: () => void) => f();
run(() => {});
export const main = () => {
	run(() => {
		run(function () {
			(() => {
				throw new Error("anonymous");
			})();
		});
	});
};
