// The modules of Node.js.

// ---- files in a folder of its own
import fs from "node:fs"; import fsp from "node:fs/promises"; import os from "node:os"; import path from "node:path";
export async function main() {
	const dir = await fsp.mkdtemp(path.join(os.tmpdir(), "compare-")), file = path.join(dir, "a.txt");
	try {
		fs.writeFileSync(file, "one\n"); await fsp.appendFile(file, "two\n"); fs.mkdirSync(path.join(dir, "d/e"), { recursive: true }); fs.symlinkSync("a.txt", path.join(dir, "l"));
		const lines: string[] = []; const h = await fsp.open(file); for await (const line of h.readLines()) lines.push(line);
		await fsp.copyFile(file, path.join(dir, "b")); fs.renameSync(path.join(dir, "b"), path.join(dir, "c"));
		return [lines, fs.readdirSync(dir, { withFileTypes: true }).map((x) => [x.name, x.isDirectory(), x.isSymbolicLink()]), fs.statSync(file).size, fs.existsSync(dir + "/nope"), fs.readlinkSync(dir + "/l"), (await fsp.readdir(dir, { recursive: true })).sort(), await fsp.readFile(dir + "/nope").catch((e) => [e.code, e.syscall]), await fsp.access(file).then(() => "ok")];
	} finally { fs.rmSync(dir, { recursive: true }) }
}

// ---- file streams
import { createReadStream, createWriteStream, mkdtempSync, rmSync, readFileSync } from "node:fs"; import { pipeline } from "node:stream/promises"; import { createGzip, gunzipSync } from "node:zlib"; import { tmpdir } from "node:os";
export async function main() { const dir = mkdtempSync(tmpdir() + "/compare-"); try { await pipeline(async function* () { yield "hello "; yield "world" }, createGzip(), createWriteStream(dir + "/x.gz")); const chunks = []; for await (const c of createReadStream(dir + "/x.gz")) chunks.push(c); return [gunzipSync(Buffer.concat(chunks)).toString(), readFileSync(dir + "/x.gz")[0]] } finally { rmSync(dir, { recursive: true }) } }

// ---- streams
import { Readable, Writable, Transform, PassThrough, Duplex, finished } from "node:stream"; import { pipeline } from "node:stream/promises"; import { text, json } from "node:stream/consumers";
export async function main() {
	const out: string[] = []; await pipeline(Readable.from(["a", "b", "c"]), new Transform({ objectMode: true, transform(c, _, cb) { cb(null, `${c}`.toUpperCase()) } }), new Writable({ objectMode: true, write(c, _, cb) { out.push(c); cb() } }));
	const p = new PassThrough(); p.end("xyz"); const e = await pipeline(Readable.from([1]), new Writable({ write(_c, _e, cb) { cb(new Error("w")) } })).catch((x) => x.code ?? x.message);
	return [out, await text(p), await json(Readable.from(['{"a":', "1}"])), e, await Readable.from([1, 2, 3]).filter((x) => x > 1).map((x) => x * 2).toArray(), typeof Duplex.from, await new Promise((r) => { const s = Readable.from([]); finished(s.resume(), (x) => r(x ?? "finished")) }), await new Promise((r) => { const s = new Readable({ read() {} }); s.destroy(new Error("gone")); s.on("error", (x) => r(x.message)) })];
}

// ---- back pressure
import { Writable } from "node:stream";
export async function main() { const log: any[] = []; const w = new Writable({ highWaterMark: 3, write(c, _, cb) { log.push(c.toString()); setImmediate(cb) } }); log.push(w.write("ab"), w.write("cd"), w.writableLength, w.writableNeedDrain); await new Promise((r) => w.once("drain", r)); log.push("drained"); w.cork(); w.write("e"); w.write("f"); log.push(w.writableCorked); w.uncork(); await new Promise<void>((r) => w.end(r)); return [log, w.writableFinished] }

// ---- Buffer
export const main = () => { const b = Buffer.from("héllo"); const c = Buffer.alloc(4); c.writeUInt16BE(0x1234); c.writeInt8(-1, 2); return [b.length, b.toString("hex"), b.toString("base64url"), Buffer.from("aGk", "base64").toString(), Buffer.concat([b, Buffer.from([0])]).length, [...c], c.readUInt32LE(), b.equals(Buffer.from("héllo")), b.indexOf("l"), b.subarray(0, 1).toString(), JSON.stringify(Buffer.from([1])), Buffer.byteLength("😀"), Buffer.compare(Buffer.from("a"), Buffer.from("b")), b.swap16 && Buffer.from([1, 2]).swap16().toString("hex"), Buffer.isBuffer(new Uint8Array()), b.toString("latin1").length, Buffer.from("ff", "hex")[0], b.includes("lo"), Buffer.from("abc").fill("z").toString()] };

// ---- hashes ciphers and random bytes
import crypto, { createHash, createHmac, randomBytes, scryptSync, timingSafeEqual, createCipheriv, createDecipheriv } from "node:crypto";
export const main = () => { const key = Buffer.alloc(32, 1), iv = Buffer.alloc(12, 2); const c = createCipheriv("aes-256-gcm", key, iv); const e = Buffer.concat([c.update("secret"), c.final()]); const d = createDecipheriv("aes-256-gcm", key, iv); d.setAuthTag(c.getAuthTag()); return [createHash("sha1").update("a").digest("hex"), createHmac("sha256", "k").update("v").digest("base64"), randomBytes(8).length, scryptSync("p", "s", 8).toString("hex"), timingSafeEqual(Buffer.from("a"), Buffer.from("a")), e.toString("hex"), d.update(e).toString() + d.final(), crypto.hash("md5", "x"), crypto.randomInt(1) === 0, crypto.getHashes().includes("sha512"), crypto.webcrypto === globalThis.crypto] };

// ---- compression
import zlib from "node:zlib"; import { promisify } from "node:util";
export const main = async () => [zlib.gunzipSync(zlib.gzipSync("gz")).toString(), zlib.brotliDecompressSync(zlib.brotliCompressSync("br")).toString(), (await promisify(zlib.deflate)("x".repeat(100))).length < 30, zlib.inflateRawSync(zlib.deflateRawSync("raw")).toString(), (() => { try { zlib.gunzipSync(Buffer.from("bad")) } catch (error) { return (error as any).code } })(), zlib.crc32("hello"), zlib.zstdDecompressSync(zlib.zstdCompressSync("zs")).toString()];

// ---- util
import util, { promisify, callbackify, types, isDeepStrictEqual, inherits, format, deprecate, styleText, stripVTControlCharacters, parseArgs, debuglog } from "node:util";
export const main = async () => [await promisify((a: number, cb: (e: any, r?: number) => void) => cb(null, a + 1))(1), await new Promise((r) => callbackify(async (x: number) => x * 2)(4, (e, v) => r(v))), types.isPromise(Promise.resolve()), types.isProxy(new Proxy({}, {})), types.isGeneratorFunction(function* () {}), types.isAsyncFunction(async () => {}), isDeepStrictEqual({ a: [1, new Set([2])] }, { a: [1, new Set([2])] }), format("%s %d %i %f %j %o %%", "a", 1.5, 1.5, "2.5", { a: 1 }, [1]), stripVTControlCharacters("\u001b[1mx"), parseArgs({ args: ["-f", "--bar", "b"], options: { f: { type: "boolean", short: "f" }, bar: { type: "string" } } }).values, util.types.isArgumentsObject((function () { return arguments })()), typeof debuglog("x"), styleText("red", "r", { validateStream: false }).length, util.getSystemErrorName(-2), util.toUSVString("\ud800"), util.inspect.custom.toString()];

// ---- assert
import assert, { AssertionError, deepStrictEqual } from "node:assert";
export const main = async () => { const t = (f: () => void) => { try { f(); return "ok" } catch (error: any) { return [error.name, error.code, error.message.split("\n")[0], error instanceof AssertionError] } }; await assert.rejects(Promise.reject(new TypeError("x")), TypeError); return [t(() => assert(1)), t(() => assert.equal(1, 2)), t(() => deepStrictEqual({ a: 1 }, { a: 1 })), t(() => deepStrictEqual([1], [2])), t(() => assert.throws(() => { throw new Error("m") }, /m/)), t(() => assert.ok(0, "custom")), t(() => assert.match("a", /b/)), t(() => assert.fail("f")), t(() => assert.strictEqual("a", "b")), t(() => assert.partialDeepStrictEqual({ a: 1, b: 2 }, { a: 1 }))] };

// ---- assert tells the expression
import assert from "node:assert";
export function main() { const value = 0; try { assert.ok(value > 1, undefined) } catch (error: any) { return [error.code, error.generatedMessage, error.actual, error.expected] } }

// ---- path and os
import path from "node:path"; import os from "node:os";
export const main = () => [path.resolve("/a", "../b", "./c"), path.relative("/a/b", "/a/c"), path.parse("/x/y.tar.gz"), path.normalize("/a//b/../c/."), path.win32.join("a", "b"), path.isAbsolute("x"), path.extname(".bashrc"), path.format({ dir: "/d", base: "b" }), path.dirname("/a/b/"), path.matchesGlob("a/b.ts", "**/*.ts"), os.EOL, typeof os.cpus().length, os.platform(), typeof os.tmpdir()];

// ---- url and querystring
import url, { fileURLToPath, pathToFileURL, domainToASCII } from "node:url"; import qs from "node:querystring";
export const main = () => [fileURLToPath("file:///a%20b"), pathToFileURL("/a b#c").href, domainToASCII("español.com"), qs.parse("a=1&a=2&b=%20"), qs.stringify({ a: [1, 2], b: "x y" }), url.format(new URL("http://a.b/c?d#e"), { fragment: false }), url.urlToHttpOptions(new URL("http://u:p@h/x")).auth];

// ---- string_decoder and punycode free text
import { StringDecoder } from "node:string_decoder";
export const main = () => { const d = new StringDecoder("utf8"); return [d.write(Buffer.from([0xe2, 0x82])), d.write(Buffer.from([0xac])), d.end(Buffer.from([0xe2])), new StringDecoder("base64").write(Buffer.from("ab"))] };

// ---- worker threads with code as text
import { Worker, isMainThread, workerData, MessageChannel, receiveMessageOnPort, threadId } from "node:worker_threads";
export async function main() { const w = new Worker("const { parentPort, workerData } = require('node:worker_threads'); parentPort.postMessage({ got: workerData, twice: workerData.n * 2 }); process.exit(4)", { eval: true, workerData: { n: 21 } }); const [message, code] = await Promise.all(["message", "exit"].map((name) => new Promise((r) => w.once(name, r)))); const { port1, port2 } = new MessageChannel(); port1.postMessage("p"); return [isMainThread, workerData, threadId, message, code, receiveMessageOnPort(port2), receiveMessageOnPort(port2) ?? "empty"] }

// ---- an error in a worker thread
import { Worker } from "node:worker_threads";
export const main = () => new Promise((resolve) => new Worker("throw new TypeError('in the thread')", { eval: true }).on("error", (e: any) => resolve([e.name, e.message, e instanceof TypeError])));

// ---- child processes
import { execFileSync, spawn, execFile, spawnSync } from "node:child_process"; import { promisify } from "node:util";
export async function main() { const c = spawn(process.execPath, ["-e", "process.stdin.pipe(process.stdout)"]); c.stdin.end("echoed"); let text = ""; for await (const x of c.stdout) text += x; const { stdout } = await promisify(execFile)(process.execPath, ["-p", "6*7"]); return [execFileSync(process.execPath, ["-e", "console.log('child')"]).toString(), text, stdout, spawnSync(process.execPath, ["-e", "process.exit(5)"]).status, await promisify(execFile)("/no/such/program").catch((e) => e.code)] }

// ---- vm
import vm from "node:vm";
export const main = () => { const c = vm.createContext({ x: 2, log: [] as any[] }); return [vm.runInContext("var y = x * 21; log.push(typeof globalThis.process); y", c), (c as any).y, c.log, vm.isContext(c), new vm.Script("1 + 1").runInThisContext(), (() => { try { vm.runInNewContext("throw new TypeError('other realm')") } catch (error: any) { return [error instanceof TypeError, error.name, error.message] } })(), (() => { try { vm.runInNewContext("for (;;);", {}, { timeout: 5 }) } catch (error: any) { return error.code } })(), vm.runInNewContext("[1]") instanceof Array] };

// ---- readline over a stream
import readline from "node:readline"; import { Readable } from "node:stream";
export const main = async () => { const rl = readline.createInterface({ input: Readable.from(["one\ntw", "o\r\nthree"]) }); const lines = []; for await (const l of rl) lines.push(l); return lines };

// ---- a server and a request
import http from "node:http"; import { once } from "node:events"; import type { AddressInfo } from "node:net";
export async function main() { const s = http.createServer(async (q, r) => { let body = ""; for await (const c of q) body += c; r.writeHead(201, { "x-a": "b" }).end(JSON.stringify({ method: q.method, url: q.url, body })) }).listen(0, "127.0.0.1"); await once(s, "listening"); const { port } = s.address() as AddressInfo; const a = await fetch(`http://127.0.0.1:${port}/p?q=1`, { method: "POST", body: "hello" }); const r = [a.status, a.headers.get("x-a"), await a.json()]; s.closeAllConnections(); s.close(); return r }

// ---- sockets
import net from "node:net"; import { once } from "node:events";
export async function main() { const s = net.createServer((c) => c.on("data", (d) => c.end(d.toString().toUpperCase()))).listen(0, "127.0.0.1"); await once(s, "listening"); const c = net.connect((s.address() as any).port, "127.0.0.1"); c.write("up"); const [d] = await once(c, "data"); s.close(); return [d.toString(), net.isIP("::1"), await new Promise((r) => net.connect(1, "127.0.0.1").on("error", (e: any) => r(e.code)))] }

// ---- performance and diagnostics channels
import { performance, PerformanceObserver } from "node:perf_hooks"; import dc from "node:diagnostics_channel";
export const main = () => { const log: any[] = []; dc.subscribe("c", (m, name) => log.push(m, name)); dc.channel("c").publish({ a: 1 }); performance.mark("a"); performance.measure("m", "a"); return [log, performance.getEntriesByName("m").length, typeof performance.timerify(() => 1), PerformanceObserver.supportedEntryTypes.includes("measure"), performance.toJSON().nodeTiming !== undefined] };

// ---- process
export const main = () => [process.cwd().length > 0, typeof process.pid, process.platform, typeof process.memoryUsage().heapUsed, process.uptime() > 0, process.env.NOPE ?? "none", (process.env.SET_HERE = 5 as any, process.env.SET_HERE), "SET_HERE" in process.env, delete process.env.SET_HERE, process.exitCode ?? "unset", typeof process.umask(), process.emitWarning.length, process.allowedNodeEnvironmentFlags.size > 10, process.config.variables !== undefined, process.arch.length > 0, process.features.typescript, Object.keys(process.versions).includes("v8"), process.env.WORKERS_FRAME ?? "hidden", process.stdin === process.stdin];

// ---- warnings
export async function main() { const seen: any[] = []; process.on("warning", (w) => seen.push(w.name, w.message, (w as any).code)); process.emitWarning("careful", { type: "Mine", code: "M1" }); await new Promise((r) => setImmediate(r)); return seen }

// ---- exit listeners and exit codes
export function main() { process.on("beforeExit", () => console.log("not before exit")); process.on("exit", (c) => console.log("exit", c)); return "result" }

// ---- async hooks and resources
import { AsyncResource, executionAsyncId, AsyncLocalStorage } from "node:async_hooks";
export const main = async () => { const s = new AsyncLocalStorage<number>(); const r = s.run(1, () => new AsyncResource("R")); return [r.runInAsyncScope(() => s.getStore()), s.getStore() ?? "none", typeof executionAsyncId(), await s.run(2, async () => { await null; return s.getStore() }), s.enterWith(3) as any ?? s.getStore()] };

// ---- timers that are promises and scheduler
import { scheduler, setImmediate as immediate } from "node:timers/promises";
export const main = async () => { const log: string[] = []; const p = immediate("i").then((v) => log.push(v)); await scheduler.yield(); await scheduler.wait(1); await p; return [log, typeof setTimeout(() => {}, 0)[Symbol.toPrimitive](), (() => { const t = setTimeout(() => {}, 10); t.unref(); return t.hasRef() })()] };

// ---- test runner and sqlite and other late modules
import { mock } from "node:test"; import { DatabaseSync } from "node:sqlite"; import { getHeapStatistics, serialize, deserialize } from "node:v8"; import dns from "node:dns"; import tty from "node:tty";
export const main = () => { const f = mock.fn((x: number) => x + 1); f(1); const db = new DatabaseSync(":memory:"); db.exec("create table t(a, b); insert into t values (1, 'x'), (2, null)"); return [f.mock.callCount(), db.prepare("select * from t where a > ?").all(0).map((r) => ({ ...r })), typeof getHeapStatistics().heap_size_limit, deserialize(serialize({ a: new Map([[1, 2]]) })).a.get(1), typeof dns.promises.lookup, tty.isatty(0)] };
