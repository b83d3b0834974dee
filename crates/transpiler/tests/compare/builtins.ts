// The standard library of JavaScript as Node.js 24 has it.

// ---- arrays that are not changed
export const main = () => { const a = [3, 1, 2]; return [a.toSorted(), a.toReversed(), a.with(0, 9), a.toSpliced(1, 1, "x" as any), a, a.at(-1), a.findLast((x) => x > 1), a.findLastIndex((x) => x > 5), [1, [2, [3, [4]]]].flat(Infinity), a.flatMap((x) => [x, x]), a.copyWithin(0, 1), Array.from({ length: 3 }, (_, i) => i * i), Array.of(7).length] };

// ---- sorting is stable and by text
export const main = () => [[10, 9, 1].sort(), [{ k: 1, v: "a" }, { k: 0, v: "b" }, { k: 1, v: "c" }].sort((x, y) => x.k - y.k).map((x) => x.v), [3, undefined, 1, , 2].sort().length, ["b", "ä", "a"].sort((x, y) => x.localeCompare(y)), [true, false].sort(), ["a", "B"].toSorted()];

// ---- grouping
export const main = () => [Object.groupBy([1, 2, 3], (x) => (x % 2 ? "odd" : "even")), [...Map.groupBy(["a", "bb", "cc"], (s) => s.length)], Object.getPrototypeOf(Object.groupBy([], () => "x"))];

// ---- methods of sets
export const main = () => { const a = new Set([1, 2, 3]), b = new Set([2, 3, 4]); return [[...a.union(b)], [...a.intersection(b)], [...a.difference(b)], [...a.symmetricDifference(b)], a.isSubsetOf(b), new Set([2]).isSubsetOf(a), a.isSupersetOf(new Set([1])), a.isDisjointFrom(new Set([9])), [...a.union(new Map([[7, 8]]) as any)]] };

// ---- maps keep their order and know NaN
export const main = () => { const m = new Map<any, any>([[NaN, 1], [0, 2], ["0", 3]]); m.set(-0, 4).delete("0"); const seen: any[] = []; m.set("end", 1); for (const [k, v] of m) { seen.push(String(k), v); if (k === 0) m.set("late", 5) } return [seen, m.get(NaN), m.size, m.has(0)] };

// ---- weak collections
export const main = () => { const k = {}, w = new WeakMap([[k, 1]]), s = new WeakSet([k]), r = new WeakRef(k); const sym = Symbol("w"); return [w.get(k), s.has(k), r.deref() === k, new WeakMap([[sym as any, 2]]).get(sym as any), (() => { try { w.set(1 as any, 1) } catch (error) { return (error as Error).message } })(), typeof FinalizationRegistry] };

// ---- typed arrays
export const main = () => { const b = new ArrayBuffer(8, { maxByteLength: 16 }); const u = new Uint8Array(b); u.set([1, 255, 256, -1]); const d = new DataView(b); d.setInt16(4, -2, true); b.resize(10); return [[...u], d.getUint16(4), u.length, [...new Float32Array([1.1])].map((x) => x.toFixed(3)), [...Uint8ClampedArray.of(300, -5, 1.5)], [...new Uint16Array([1, 2, 3]).subarray(1)], new BigInt64Array([5n])[0].toString(), b.transfer(4).byteLength, b.detached, [...new Int8Array([3, 1]).toSorted()], Uint8Array.from("123", Number).join("")] };

// ---- Float16Array and what goes with it
declare const Float16Array: any;
export const main = () => [[...new Float16Array([1.337, 65520, 1e-8])].map(String), (Math as any).f16round(5.5005), Float16Array.BYTES_PER_ELEMENT, new DataView(new ArrayBuffer(2)) && typeof (DataView.prototype as any).getFloat16];

// ---- what is not there yet
export const main = () => [typeof (globalThis as any).Temporal, typeof (Uint8Array as any).fromBase64, typeof (Math as any).sumPrecise, typeof (Iterator as any).concat, typeof (globalThis as any).ShadowRealm, typeof (Map.prototype as any).getOrInsert];

// ---- RegExp.escape
export const main = () => [(RegExp as any).escape("a.b*c"), new RegExp((RegExp as any).escape("[x]")).test("[x]"), (RegExp as any).escape("1-2")];

// ---- text
export const main = () => ["abc".at(-1), "a-b-c".replaceAll("-", "+"), "x".padStart(3, "ab"), " t ".trimEnd(), "ß".toUpperCase(), "İ".toLowerCase().length, "a\u0301".normalize().length, "😀".codePointAt(0), [..."😀x"].length, "abc".substr(-2, 1), "aXbX".split("X", 1), "a".localeCompare("b"), "abcabc".lastIndexOf("b"), "%41é".replace("%41", encodeURIComponent("é&")), escape("é"), "a\nb".match(/^b/m)!.index, "tést".isWellFormed(), String.fromCodePoint(128512), "x".concat(1 as any, null as any), "abc".includes("b", 2)];

// ---- numbers
export const main = () => [(255).toString(16), (0.000001234).toString(), (1e21).toLocaleString("en"), (1234.5678).toFixed(2), (0.5).toPrecision(3), Number("0x1f"), Number(" 12 "), Number(""), parseInt("08"), parseFloat("1.5e3x"), Number.isInteger(5.0), Number.EPSILON > 0, (25).toString(36), (-7.5).toExponential(1), Math.round(-0.5) === 0, Math.hypot(3, 4), Math.clz32(1), Math.imul(0xffffffff, 5), Math.trunc(-4.7), Math.fround(5.5), Math.cbrt(27), Math.sign(-3), Number.MAX_SAFE_INTEGER, 0.1 * 3, 1 / 3];

// ---- objects
export const main = () => { const o = Object.freeze({ a: { b: 1 } }); (o.a as any).b = 2; return [o, Object.isFrozen(o), Object.entries({ x: 1 }), Object.assign({}, null, { a: 1 }, "xy"), Object.is(NaN, NaN), Object.hasOwn({ a: 1 }, "a"), Object.getOwnPropertyNames("ab"), Object.fromEntries([["a", 1]]), Object.keys(Object.getOwnPropertyDescriptors(class { static s = 1; static m() {} })), Object.isSealed(Object.seal({})), Reflect.ownKeys({ b: 1, 2: 1, a: 1, 1: 1, [Symbol.iterator]: 1 }).map(String)] };

// ---- structuredClone
export const main = () => { const o: any = { d: new Date(0), m: new Map([[1, { x: 1 }]]), s: new Set([1]), r: /a/gi, e: new RangeError("r"), b: new Uint8Array([1]), n: null, u: undefined, nested: [1, , 3] }; o.self = o; const c = structuredClone(o); class P { x = 1; get y() { return 2 } } return [c.self === c, c.d instanceof Date, [...c.m], c.r.flags, c.e instanceof RangeError, c.e.message, [...c.b], 1 in c.nested, structuredClone(new P()), structuredClone(new P()) instanceof P, (() => { try { structuredClone({ f: Symbol("x") }) } catch (error) { return [(error as any).name, (error as any).code] } })()] };

// ---- Intl
export const main = () => [new Intl.NumberFormat("de", { style: "currency", currency: "EUR" }).format(1234.5), new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" }).format(0), new Intl.PluralRules("en", { type: "ordinal" }).select(2), new Intl.RelativeTimeFormat("en").format(-1, "day"), new Intl.ListFormat("en").format(["a", "b", "c"]), [...new Intl.Segmenter("en", { granularity: "word" }).segment("Hi all")].length, (12345.678).toLocaleString("en-IN"), new Date(0).toLocaleDateString("en-US", { timeZone: "Asia/Tokyo" }), ["z", "ä"].sort(new Intl.Collator("sv").compare), new Intl.DisplayNames("en", { type: "region" }).of("DE"), typeof (Intl as any).DurationFormat, Intl.DateTimeFormat().resolvedOptions().timeZone];

// ---- dates and their parts
export const main = () => { const d = new Date(Date.UTC(2024, 1, 29, 23, 59, 59, 999)); d.setUTCMonth(12); return [d.toISOString(), d.getTimezoneOffset(), new Date(2024, 0, 31).getMonth(), new Date("2024-01-01").getTime() === Date.UTC(2024, 0, 1), new Date(8.64e15 + 1).getTime() || "invalid", new Date(NaN).toString(), (() => { try { new Date(NaN).toISOString() } catch (error) { return (error as Error).message } })(), d.toUTCString(), typeof Date(), +new Date(5), new Date(new Date(7)).valueOf(), new Date(0)[Symbol.toPrimitive]("number")] };

// ---- JSON with revivers and sources
export const main = () => [JSON.parse("[1.0, 2]", (k, v, ...rest: any[]) => (typeof v === "number" ? (rest[0]?.source ?? v) : v)), typeof (JSON as any).rawJSON, JSON.stringify({ n: (JSON as any).rawJSON("1.10") }), JSON.stringify({ date: new Date(0), big: undefined }), JSON.stringify("</script>"), JSON.stringify([new Map([[1, 2]]), new Set([1]), /x/, Symbol("s"), () => 1]), JSON.stringify({ [Symbol("s")]: 1, a: [NaN, Infinity, -0] }), JSON.stringify(Object.create({ inherited: 1 })), JSON.stringify({ a: { toJSON() { return undefined } }, b: 1 }), JSON.stringify("é\n\u0007")];

// ---- JSON that cannot be
export const main = () => ["", "{", "[1,]", "{'a':1}", "01", "nul", '{"a":1}x', "\"\n\"", "1e"].map((t) => { try { return JSON.parse(t) } catch (error) { return (error as Error).message } }).concat((() => { const o: any = { a: { b: {} } }; o.a.b.c = o; try { JSON.stringify(o) } catch (error) { return (error as Error).message } })(), (() => { try { JSON.stringify({ n: 1n }) } catch (error) { return (error as Error).message } })());

// ---- Atomics and shared memory
export const main = () => { const a = new Int32Array(new SharedArrayBuffer(8)); return [Atomics.add(a, 0, 5), Atomics.load(a, 0), Atomics.compareExchange(a, 0, 5, 7), a[0], Atomics.wait(a, 0, 0, 1), Atomics.notify(a, 0), Atomics.isLockFree(4), typeof Atomics.waitAsync] };

// ---- globals
export const main = () => [["structuredClone", "queueMicrotask", "fetch", "WebSocket", "EventSource", "URLPattern", "navigator", "crypto", "performance", "Blob", "File", "FormData", "Headers", "BroadcastChannel", "CompressionStream", "localStorage2", "require", "alert", "window", "self", "global", "Iterator", "SuppressedError", "AsyncDisposableStack"].map((n) => `${n} ${typeof (globalThis as any)[n]}`), globalThis === global, Object.prototype.toString.call(globalThis)];

// ---- symbols that are well known
export const main = () => { const o: any = { [Symbol.toPrimitive]: (h: string) => h, [Symbol.isConcatSpreadable]: true, length: 1, 0: "spread", get [Symbol.toStringTag]() { return "Tag" }, [Symbol.match]: () => "matched", [Symbol.replace]: (s: string, r: string) => s + r, [Symbol.split]: () => ["split"], [Symbol.search]: () => 42 }; return [`${o}`, +o || "NaN", o + "", [1].concat(o), String(Object.prototype.toString.call(o)), "x".match(o), "x".replace(o, "y"), "x".split(o), "x".search(o), Array.prototype[Symbol.unscopables as any], typeof Symbol.dispose, typeof Symbol.asyncDispose] };

// ---- species and subclass results
class A extends Array { static override get [Symbol.species]() { return Array } } class B extends Array {} class P extends Promise<any> { static override get [Symbol.species]() { return Promise } }
export const main = () => [new A(1, 2).map((x) => x) instanceof A, new B(1, 2).filter(Boolean) instanceof B, B.from([1]) instanceof B, P.resolve(1).then(() => 1) instanceof P, new B(1, 2).slice(1).constructor.name, [1].concat(new B(2, 3)).length];

// ---- array holes and lengths
export const main = () => { const a = [1, , 3]; a[5] = 6; const b = [1, 2, 3]; b.length = 1; return [a, a.length, 1 in a, a.map((x) => 1), a.flat(), a.findIndex((x) => x === undefined), b, Object.keys(a), a.includes(undefined), a.indexOf(undefined), [..."ab", ...a].length, a.join("-"), Array(3).fill(0), Array.isArray(new Proxy([], {})), [].concat([1], [[2]] as any), (() => { const c: any = []; c[-1] = 1; c["2"] = 1; return [c.length, Object.keys(c)] })()] };

// ---- labels of time
export const main = () => [typeof performance.now(), performance.timeOrigin > 0, performance.now() >= 0, typeof process.hrtime.bigint(), Date.now() > 1_700_000_000_000, process.hrtime().length, typeof performance.mark("x").startTime];

// ---- URL and its parameters
export const main = () => { const u = new URL("../b?x=1&x=2&é=ü#h", "https://user:pw@example.com:8080/a/c"); u.searchParams.append("y", "a b"); u.hash = ""; return [u.href, u.origin, [...u.searchParams], u.searchParams.getAll("x"), URL.canParse("nope"), URL.parse("x:y")?.protocol ?? null, new URLSearchParams({ a: "1", b: "&" }).toString(), new URL("http://EXAMPLE.com/%7Efoo/../x").href, (() => { try { new URL("bad") } catch (error) { return [(error as any).code, (error as any).message] } })(), new URL("http://münchen.de").host, u.searchParams.size] };

// ---- TextEncoder and TextDecoder
export const main = () => [[...new TextEncoder().encode("é😀")], new TextDecoder().decode(new Uint8Array([0xff, 65])), new TextDecoder("utf-16le").decode(new Uint8Array([65, 0])), new TextDecoder("latin1").decode(new Uint8Array([233])), (() => { try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])) } catch (error) { return (error as any).code } })(), new TextEncoder().encodeInto("abc", new Uint8Array(2)), atob("aGk="), btoa("hi"), new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65]))];

// ---- Blob File and FormData
export const main = async () => { const b = new Blob(["ab", new Uint8Array([99])], { type: "text/plain" }), f = new FormData(); f.append("k", "v"); f.append("k", new File(["x"], "n.txt", { type: "t/t", lastModified: 5 })); return [b.size, await b.text(), await b.slice(1, 2).text(), f.getAll("k").map((x) => (typeof x === "string" ? x : [x.name, x.type, x.size, x.lastModified])), [...(await b.bytes())]] };

// ---- Headers Request and Response
export const main = async () => { const h = new Headers({ "X-A": "1" }); h.append("x-a", "2"); h.append("Set-Cookie", "a=1"); h.append("set-cookie", "b=2"); const r = new Request("http://x.test/p", { method: "POST", body: "body", headers: h }), s = Response.json({ a: 1 }, { status: 201 }); return [[...h], h.getSetCookie(), r.method, await r.text(), r.bodyUsed, s.status, s.headers.get("content-type"), await s.clone().json(), s.ok, new Response(null, { status: 204 }).body, (() => { try { new Response("x", { status: 99 }) } catch (error) { return (error as Error).name } })()] };

// ---- fetch of data URLs
export const main = async () => { const r = await fetch("data:text/plain;charset=utf-8;base64,aGVsbG8="); return [r.status, r.headers.get("content-type"), await r.text(), await fetch("nope://x").catch((error) => [error.name, error.message, error.cause?.message])] };

// ---- web streams
export const main = async () => { const all: any[] = []; const rs = new ReadableStream({ start(c) { c.enqueue("a"); c.enqueue("b"); c.close() } }).pipeThrough(new TransformStream({ transform: (x, c) => c.enqueue(x.toUpperCase()) })); const [one, two] = rs.tee(); for await (const x of one) all.push(x); const reader = two.getReader(); all.push(await reader.read(), await new Response(ReadableStream.from(["x", "y"]).pipeThrough(new TextEncoderStream())).text()); const gz = new Blob(["zzzz"]).stream().pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")); all.push(await new Response(gz).text()); return all };

// ---- message channels
export const main = async () => { const { port1, port2 } = new MessageChannel(); const got = new Promise((r) => (port2.onmessage = (e) => r(e.data))); port1.postMessage({ a: [1, new Date(0)] }); const data: any = await got; port1.close(); return [data.a[0], data.a[1] instanceof Date] };

// ---- web crypto
export const main = async () => { const d = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("x")); const key = await crypto.subtle.importKey("raw", new Uint8Array(16), "HMAC" as any, true, ["sign"]).catch((e) => e.name); return [Buffer.from(d).toString("hex").slice(0, 16), crypto.randomUUID().length, crypto.getRandomValues(new Uint8Array(4)).length, typeof key] };
