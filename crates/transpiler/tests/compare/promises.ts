// Promises, microtasks, timers.

// ---- the order of microtasks ticks and timers
export async function main() {
	const log: string[] = [];
	setTimeout(() => log.push("timeout"), 10); setImmediate(() => log.push("immediate"));
	process.nextTick(() => log.push("tick")); queueMicrotask(() => log.push("micro"));
	Promise.resolve().then(() => { log.push("then"); process.nextTick(() => log.push("tick in then")); queueMicrotask(() => log.push("micro in then")) });
	(async () => { log.push("sync part"); await null; log.push("after await") })();
	log.push("sync");
	await new Promise((resolve) => setTimeout(resolve, 30));
	return log;
}

// ---- ticks and microtasks inside callbacks
export async function main() {
	const log: string[] = [];
	await new Promise<void>((resolve) => setImmediate(() => { Promise.resolve().then(() => log.push("p1")); process.nextTick(() => log.push("t1")); log.push("s"); setImmediate(resolve) }));
	return log;
}

// ---- how many turns an await takes
export async function main() {
	const log: string[] = []; const thenable = { then(f: any) { log.push("then called"); f("v") } };
	const a = (async () => { await 1; log.push("a1"); await 1; log.push("a2"); await 1; log.push("a3") })();
	const b = (async () => { await thenable; log.push("b1") })();
	const c = (async () => { await (async () => Promise.resolve())(); log.push("c1") })();
	const d = new Promise((r) => r(Promise.resolve())).then(() => log.push("d1"));
	await Promise.all([a, b, c, d]);
	return log;
}

// ---- combinators
export async function main() {
	const ok = Promise.resolve(1), bad = Promise.reject(new Error("bad")), slow = new Promise((r) => setTimeout(r, 5, "slow"));
	const settled = (await Promise.allSettled([ok, bad, 3])).map((r) => r.status === "rejected" ? [r.status, r.reason.message] : r);
	const any = await Promise.any([bad, ok]); const none = await Promise.any([bad, Promise.reject(2)]).catch((e) => [e.name, e.message, e.errors.length]);
	return [settled, any, none, await Promise.race([slow, ok]), await Promise.all([ok, slow, 5]), await Promise.all([]), await Promise.all([bad, ok]).catch((e) => e.message)];
}

// ---- then catch finally
export async function main() {
	const log: any[] = [];
	const v = await Promise.resolve(1).finally(() => 2).then((x) => { log.push(x); throw new Error("t") }).catch((e) => e.message).finally(() => { log.push("f") });
	const w = await Promise.reject(1).finally(() => { throw 2 }).catch((e) => e); const x = await Promise.resolve(1).then(null as any).then(5 as any);
	return [v, w, x, log];
}

// ---- withResolvers and try
export async function main() { const { promise, resolve, reject } = Promise.withResolvers<number>(); setTimeout(resolve, 1, 5); reject; const t = (Promise as any).try; return [await promise, await t.call(Promise, (a: number) => a + 1, 2), await t.call(Promise, () => { throw new Error("x") }).catch((e: Error) => e.message)] }

// ---- errors in async functions become rejections
async function bad() { throw new TypeError("async") } const arrow = async () => { null!.x }; declare global { interface Null { x: any } }
export async function main() { return [await bad().catch((e) => e.message), await (arrow as any)().catch((e: Error) => e.name), await (async (a = (() => { throw 1 })()) => a)().catch((e) => e)] }

// ---- return await inside try
const fail = async () => { throw new Error("f") };
export async function main() { const a = async () => { try { return await fail() } catch { return "caught" } }; const b = async () => { try { return fail() } catch { return "caught" } }; return [await a(), await b().catch((e) => e.message)] }

// ---- async arrows in every form
export async function main() { const a = async x => x, b = async (x, y = 1) => ({ x, y }), c = async () => {}, d = async ({ z }) => z, e = async (...r) => r.length, f = async <T,>(x: T): Promise<T> => x, async = (x) => [x], g = async (1), h = async
(2); return [await a(1), await b(2), await c() ?? "undefined", await d({ z: 3 }), await e(1, 2), await f("t"), g, h] }

// ---- await in every position
export async function main() { const p = Promise.resolve; const o: any = { [await "k"]: await 1, m: async () => 2 }; const [x = await 3] = []; return [o.k, await o.m(), x, (await 1) + await 2 * await 3, -await 1, !await 0, `${await "t"}`, await (await (async () => async () => 5)())(), typeof await 1, (await [1, 2])[1], [...await [1]], await o?.m?.(), await Promise.all([1].map(async (x) => await x)), (await import("node:path")).sep] }

// ---- await as a name where it may be one
const o = { await: 1, async await() { return this.await } };
class C { await = 2; static async async() { return "async" } }
export async function main() { return [o.await, new C().await, await C.async(), o["await"]] }

// ---- timers
import { setTimeout as sleep, setInterval as every } from "node:timers/promises";
export async function main() {
	const log: any[] = []; const t = setTimeout((...a: any[]) => log.push(a), 1, "x", 2); const c = setTimeout(() => log.push("never"), 1); clearTimeout(c);
	let n = 0; const i = setInterval(() => { if (++n === 3) clearInterval(i) }, 1);
	log.push(await sleep(10, "slept")); for await (const v of every(1, "tick")) { log.push(v); break }
	while (n < 3) await sleep(1);
	return [log, n, typeof t.ref, t.hasRef()];
}

// ---- abort signals
import { setTimeout as sleep } from "node:timers/promises";
export async function main() {
	const c = new AbortController(); const log: any[] = []; c.signal.addEventListener("abort", (e) => log.push(e.type), { once: true });
	const p = sleep(10_000, null, { signal: c.signal }).catch((e) => [e.name, e.code, e.cause?.message]); c.abort(new Error("why"));
	return [await p, c.signal.aborted, c.signal.reason.message, log, AbortSignal.abort().reason.name, AbortSignal.any([c.signal]).aborted, (() => { try { c.signal.throwIfAborted() } catch (e) { return (e as Error).message } })()];
}

// ---- a timeout signal
export async function main() { const s = AbortSignal.timeout(1); const alive = setTimeout(() => {}, 5000); await new Promise((r) => (s.onabort = r)); clearTimeout(alive); return [s.reason.name, s.reason.code, s.reason.message] }

// ---- AsyncLocalStorage
import { AsyncLocalStorage } from "node:async_hooks";
const als = new AsyncLocalStorage<{ id: number }>();
export async function main() { const f = async () => { await null; await new Promise((r) => setTimeout(r, 1)); return als.getStore()?.id }; const b = AsyncLocalStorage.bind(() => als.getStore() ?? null); return [await Promise.all([als.run({ id: 1 }, f), als.run({ id: 2 }, f)]), als.getStore() ?? "none", als.run({ id: 3 }, () => als.exit(() => als.getStore() ?? "exited")), als.run({ id: 4 }, b), als.run({ id: 5 }, AsyncLocalStorage.snapshot(), () => als.getStore() ?? "snapshot")] }

// ---- events
import { EventEmitter, once, on } from "node:events";
export async function main() {
	const e = new EventEmitter(); const log: any[] = [];
	e.on("a", function (this: unknown, ...x) { log.push(this === e, x) }); e.prependListener("a", () => log.push("first")); e.once("a", () => log.push("once"));
	const r = [e.emit("a", 1, 2), e.emit("a"), e.emit("none"), e.listenerCount("a")]; setTimeout(() => e.emit("later", 5), 1);
	let message = ""; try { e.emit("error", new Error("unheard")) } catch (error) { message = (error as Error).message }
	return [r, log, await once(e, "later"), message, e.eventNames()];
}

// ---- event targets
export function main() { const t = new EventTarget(), log: any[] = []; t.addEventListener("x", (e) => { log.push((e as CustomEvent).detail, e.cancelable); e.preventDefault() }); t.addEventListener("x", { handleEvent: (e: Event) => log.push(e.type) } as any, { once: true }); return [t.dispatchEvent(new CustomEvent("x", { detail: 1, cancelable: true })), t.dispatchEvent(new Event("x")), log] }

// ---- an unhandled rejection with a listener
export async function main() { const seen: any[] = []; process.on("unhandledRejection", (reason: any) => seen.push(reason.message)); Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 5)); return seen }

// ---- an uncaught error with a listener
export async function main() { const seen: any[] = []; process.on("uncaughtException", (e, origin) => seen.push(e.message, origin)); setTimeout(() => { throw new Error("stray") }, 1); await new Promise((r) => setTimeout(r, 10)); return seen }

// ---- an uncaught error ends the call
export async function main() { setTimeout(() => { throw new RangeError("from a timer") }, 1); await new Promise((r) => setTimeout(r, 1000)); return "not reached" }

// ---- an unhandled rejection ends the call
export async function main() { Promise.reject(new RangeError("nobody listens")); await new Promise((r) => setTimeout(r, 1000)); return "not reached" }

// ---- a promise that never settles
export const main = () => new Promise(() => {});

// ---- process.exit ends the call
export async function main() { process.on("exit", (code) => console.log("exit", code)); process.exit(3); }

// ---- thenables as results
export const main = () => ({ then(resolve: (x: unknown) => void) { resolve({ then: (again: any) => again("twice") }) } });
