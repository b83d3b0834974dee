// Iterators and generators.

// ---- a generator's conversation
function* talk(): Generator<any, string, any> { const a = yield 1; try { const b = yield a * 2; return `end ${b}` } catch (error) { yield `caught ${error}`; return "after" } finally { log.push("finally") } }
const log: string[] = [];
export function main() { const g = talk(), h = talk(), i = talk(); return [g.next("ignored"), g.next(5), g.next("x"), g.next(), h.next(), h.next(1), h.throw("t"), h.next(), i.next(), i.return("early" as any), i.next(), log] }

// ---- delegation gives the value of return
function* inner() { const x: any = yield "i1"; return `inner ${x}` }
function* outer(): any { const r = yield* inner(); yield r; yield* [1, 2]; yield* "ab"; return "done" }
export function main() { const g = outer(); return [g.next(), g.next("v"), [...g]] }

// ---- delegation passes throw and return on
const log: string[] = [];
function* inner() { try { yield 1; yield 2 } catch (e) { log.push(`c ${e}`); yield "recovered" } finally { log.push("inner finally") } }
function* outer(): any { try { yield* inner() } finally { log.push("outer finally") } }
export function main() { const g = outer(); g.next(); const t = g.throw("x"); const r = g.return("r"); return [t, r, log] }

// ---- objects that iterate themselves
class Range { constructor(readonly a: number, readonly b: number) {} *[Symbol.iterator]() { for (let i = this.a; i < this.b; i++) yield i } }
export const main = () => [[...new Range(1, 4)], Math.max(...new Range(2, 6)), Array.from(new Range(0, 2), (x) => x * 10), new Map([...new Range(0, 2)].map((x) => [x, x])).size];

// ---- return is called by break and throw
const log: string[] = [];
const make = () => { let n = 0; return { [Symbol.iterator]() { return this }, next: () => ({ value: n++, done: n > 3 }), return(v?: any) { log.push(`return ${n}`); return { value: v, done: true } } } };
export function main() {
	for (const x of make()) if (x === 1) break;
	try { for (const x of make()) throw new Error("thrown") } catch {}
	outer: for (const a of make()) for (const b of make()) continue outer;
	(() => { for (const x of make()) return x })();
	for (const x of make());
	return log;
}

// ---- iterators that are wrong
const tries: [string, () => unknown][] = [["no object", () => { for (const x of { [Symbol.iterator]: () => 1 } as any); }], ["no result", () => { for (const x of { [Symbol.iterator]: () => ({ next: () => 1 }) } as any); }], ["not iterable", () => { for (const x of {} as any); }], ["number", () => [...(5 as any)]], ["null", () => new Set(null as any).size], ["call", () => Math.max(...(undefined as any))]];
export const main = () => tries.map(([name, f]) => { try { return [name, f()] } catch (error) { return [name, (error as Error).message] } });

// ---- async generators queue requests
const log: any[] = [];
async function* g() { log.push("start"); const x = yield 1; log.push(x); yield Promise.resolve(2); return Promise.resolve(3) }
export async function main() { const it = g(); const all = await Promise.all([it.next(), it.next("second"), it.next(), it.next()]); return [all, log] }

// ---- for await over every kind
async function* agen() { yield "a"; yield Promise.resolve("b") }
export async function main() { const all: any[] = []; for await (const x of [1, Promise.resolve(2)]) all.push(x); for await (const x of agen()) all.push(x); for await (const x of new Set([3])) all.push(x); try { for await (const x of [Promise.reject(new Error("no"))]) all.push(x) } catch (error) { all.push((error as Error).message) } return all }

// ---- for await closes its source
const log: string[] = [];
async function* g() { try { yield 1; yield 2 } finally { await null; log.push("closed") } }
export async function main() { for await (const x of g()) { log.push(`${x}`); break } const it = g(); await it.next(); await it.return(undefined); return log }

// ---- async iteration of one's own
class Ticker { constructor(private n: number) {} [Symbol.asyncIterator]() { let i = 0; return { next: async () => ({ value: i, done: i++ >= this.n }), return: async () => { ended = true; return { value: undefined, done: true as const } } } } }
let ended = false;
export async function main() { const all = []; for await (const t of new Ticker(3)) all.push(t); const first = ended; for await (const t of new Ticker(3)) break; return [all, first, ended] }

// ---- yield as an expression in odd places
function* g(): any { const o = { a: yield, [yield "key"]: yield* [1] }; const f = (x = 1) => x; return [o, `${yield "t"}`, (yield) ? 1 : 2, f(yield 3), [yield, yield]] }
export function main() { const it = g(); const seen = [it.next()]; for (let i = 0; i < 8; i++) seen.push(it.next(i)); return seen }

// ---- helpers of iterators
function* nat() { let n = 0; try { while (true) yield n++ } finally { log.push("closed") } }
const log: string[] = [];
export const main = () => [nat().filter((x) => x % 2).map((x) => x * x).drop(1).take(3).toArray(), nat().take(4).reduce((a, b) => a + b), nat().some((x) => x > 5), nat().find((x) => x === 7), nat().take(2).flatMap((x) => [x, x]).toArray(), [...Iterator.from([1, 2]).map((x) => x + 1)], nat().take(3).every((x) => x < 3), log.length];

// ---- entries keys and values
export const main = () => [[...["a", "b"].entries()], [...new Map([["k", 1]]).keys()], Object.entries({ a: 1, b: [2] }), Object.fromEntries(new Map([["x", 1]])), [...[, 1].keys()], [...new Set(["s"]).entries()], [..."ab"].entries().toArray()];

// ---- a generator as a method of an object with computed names
const o = { *["g" + 1]() { yield* this.list }, list: [1, 2], async *ag() { for (const x of this.list) yield x } };
export async function main() { const all = []; for await (const x of o.ag()) all.push(x); return [[...(o as any).g1()], all] }

// ---- generators keep their arguments and this
function* g(this: any, ...list: number[]) { yield arguments.length; yield this?.v ?? "none"; yield list }
export const main = () => [[...g.call({ v: 1 }, 1, 2)], [...(g as any)()], Object.prototype.toString.call(g.call(null)), g.constructor.name];

// ---- array from async
export async function main() { async function* g() { yield 1; yield 2 } return [await (Array as any).fromAsync(g()), await (Array as any).fromAsync([Promise.resolve(3), 4], (x: number) => x * 2)] }
