// using and await using.

// ---- disposal in reverse order at the end of a block
const log: string[] = [];
const make = (name: string) => ({ name, [Symbol.dispose]() { log.push(`dispose ${name}`) } });
export function main() {
	{ using a = make("a"); using b = make("b"), c = make("c"); log.push(a.name + b.name + c.name) }
	log.push("after");
	return log;
}

// ---- disposal before the value of return arrives
const log: string[] = [];
function f() { using a = { [Symbol.dispose]() { log.push("dispose") } }; return (log.push("value"), log.length) }
export const main = () => [f(), log];

// ---- null and undefined need no disposal
export function main() { using a = null; using b = undefined; return [a, b === undefined] }

// ---- what has no dispose method is refused
export function main() { try { using a = {} as any; return "bound" } catch (error) { return (error as Error).name } }

// ---- errors of the body and of disposals
const bad = (name: string) => ({ [Symbol.dispose]() { throw new Error(name) } });
export function main() {
	try { using a = bad("a"); using b = bad("b"); throw new Error("body") } catch (error: any) {
		return [error.name, error.error.message, error.suppressed.name, error.suppressed.error.message, error.suppressed.suppressed.message, error instanceof SuppressedError];
	}
}
declare const SuppressedError: any;

// ---- one error of a disposal alone
export function main() { try { using a = { [Symbol.dispose]() { throw new RangeError("only") } } } catch (error: any) { return [error.name, error.message] } }

// ---- in loops once a turn
const log: string[] = [];
const make = (n: number) => ({ n, [Symbol.dispose]() { log.push(`d${n}`) } });
export function main() {
	for (using x of [make(1), make(2)]) log.push(`use ${x.n}`);
	for (let i = 0; i < 3; i++) { using y = make(10 + i); if (i === 1) continue; if (i === 2) break; log.push("end") }
	return log;
}

// ---- for with a using in its head
const log: string[] = [];
export function main() { for (using x = { n: 0, [Symbol.dispose]() { log.push("d") } }; x.n < 2; x.n++) log.push(`${x.n}`); return log }

// ---- await using awaits
const log: string[] = [];
const make = (name: string) => ({ async [Symbol.asyncDispose]() { await null; log.push(`async ${name}`) } });
export async function main() {
	{ await using a = make("a"); await using b = { [Symbol.dispose]() { log.push("sync b") } }; using c = { [Symbol.dispose]() { log.push("c") } }; log.push("body") }
	log.push("after");
	return log;
}

// ---- await using in for await and for of
const log: string[] = [];
const make = (n: number) => ({ n, async [Symbol.asyncDispose]() { log.push(`d${n}`) } });
export async function main() {
	for await (await using x of [make(1), Promise.resolve(make(2))]) log.push(`u${x.n}`);
	for (await using y of [make(3)]) log.push(`u${y.n}`);
	return log;
}

// ---- DisposableStack and adopt
const log: string[] = [];
declare const DisposableStack: any, AsyncDisposableStack: any;
export async function main() {
	{ using stack = new DisposableStack(); stack.adopt("v", (v: string) => log.push(v)); stack.defer(() => log.push("deferred")); stack.use({ [Symbol.dispose]: () => log.push("used") }) }
	await using other = new AsyncDisposableStack(); other.defer(async () => log.push("too late"));
	return [...log];
}

// ---- at the top level of a module
const log: string[] = [];
using top = { n: 1, [Symbol.dispose]() { log.push("top disposed") } };
log.push("body");
export const main = () => [log, top.n];

// ---- an identifier called using
const using = 1;
let await2 = 2;
export function main() { const list = [5, 6]; using; const r = using + list[0]; for (const using of list) if (using > 5) return [r, using]; }

// ---- in switch cases and functions
const log: string[] = [];
const make = (name: string) => ({ [Symbol.dispose]() { log.push(name) } });
export function main() {
	switch (1 as number) { case 1: { using a = make("case"); log.push("in"); break } default: log.push("no") }
	const f = () => { using b = make("arrow"); return "r" };
	class C { static { using c = make("static") } m() { using d = make("method") } }
	new C().m();
	return [f(), log];
}

// ---- functions and closures see the resource
const make = (n: number) => ({ n, disposed: false, [Symbol.dispose]() { this.disposed = true } });
export function main() {
	let read: () => boolean;
	{ using r = make(1); read = () => r.disposed; if (read()) return "early" }
	return read();
}

// ---- generators dispose when they are closed
const log: string[] = [];
function* g() { using r = { [Symbol.dispose]() { log.push("closed") } }; yield 1; yield 2 }
export function main() { for (const x of g()) { log.push(`${x}`); break } return log }

// ---- for with using and ways out of it
const log: string[] = [];
const make = (name: string, n = 0) => ({ n, [Symbol.dispose]() { log.push(`dispose ${name}`) } });
export function main() {
	again: for (using a = make("a"), b = make("b"); a.n < 3; a.n++) {
		for (using c = make("c"); ; c.n++) { if (c.n === 1) break; if (a.n === 2) break again; log.push(`${a.n} ${c.n}`) }
	}
	if (log.length) for (using d = make("d"); ;) break;
	(() => { for (using e = make("e"); ;) return })();
	return log;
}

// ---- await using in the head of for and closures over it
const log: string[] = [];
export async function main() {
	const reads: (() => number)[] = [];
	for (await using x = { n: 0, async [Symbol.asyncDispose]() { await null; log.push("disposed") } }; x.n < 2; x.n++) reads.push(() => x.n);
	try { for (using y = { [Symbol.dispose]() { throw new Error("d") } }; ;) throw new Error("b") } catch (error: any) { log.push(error.name) }
	for (using z = null; ;) { log.push(String(z)); break }
	return [log, reads.map((f) => f())];
}
