"use strict";
// What a template runs: it does once what every worker does, then calls runTemplate(), which returns in each forked
// child.
//
// Nothing here may draw a random number (`Math.random`, `crypto.randomUUID`), look at `process.stdin`, `stdout` or
// `stderr`, or leave a handle, a timer or a request behind: a child would inherit it.
const Module = require("node:module");
const { createHash, createHmac, randomBytes } = require("node:crypto");
const { inspect } = require("node:util");
const { pathToFileURL } = require("node:url");
const fs = require("node:fs");
const path = require("node:path");
const v8 = require("node:v8");
const vm = require("node:vm");

const [, , library, ahead] = process.argv;
const addon = { exports: {} };
process.dlopen(addon, library);
const { runTemplate, reallyExit } = addon.exports;

/** Does what workers do. */
const warm = async () => {
	for (const name of ["buffer", "events", "stream", "string_decoder", "timers", "url", "util", "async_hooks", "perf_hooks", "os", "net", "tty", "child_process", "zlib", "assert", "querystring", "stream/promises", "timers/promises", "fs/promises", "worker_threads", "http", "https", "diagnostics_channel"]) process.getBuiltinModule(name);
	const { Console } = require("node:console");
	const { Writable, PassThrough } = require("node:stream");
	const { StringDecoder } = require("node:string_decoder");
	const { AsyncLocalStorage } = require("node:async_hooks");
	const sink = new Writable({ decodeStrings: false, write: (chunk, encoding, done) => done() });
	const print = new Console({ stdout: sink, stderr: sink });
	const samples = [{ a: 1, b: "two", c: [1, 2, 3], d: { e: { f: { g: 1 } } } }, [1, "a", null, undefined, true, 1n, Symbol("s")], new Map([["k", { v: 1 }]]), new Set([1]), new Error("warm"), new Date(0), /r/g, () => 1, class A {}, new Uint8Array(4), Buffer.from("b"), Promise.resolve(1), new URL("http://localhost/a?b=c#d")];
	for (let round = 0; round < 10; round++) {
		for (const sample of samples) print.log("%s %d %o", "text", 1, sample), print.error(sample), inspect(sample, { depth: 4 });
		print.table([{ a: 1 }]);
		JSON.parse(JSON.stringify({ a: [1, "ä\ud83d", { b: null }], c: 1.5 }));
		createHash("sha256").update("text").digest("hex");
		createHash("md5").update("text").digest("base64");
		createHmac("sha256", "key").update("text").digest("hex");
		randomBytes(16);
		Buffer.from(Buffer.from("text ä").toString("base64"), "base64").toString("utf8");
		new StringDecoder("utf8").write(Buffer.from("ä"));
		new TextDecoder().decode(new TextEncoder().encode("ä"));
		structuredClone({ a: new Date(0), b: new Map() });
		new URLSearchParams("a=b").toString();
		new Intl.NumberFormat("en").format(1234.5);
		new Date(0).toISOString();
		new Date(0).toString();
		"a-b".replaceAll("-", "+").toWellFormed().split("+").map((one) => one.toUpperCase()).join("");
		await new AsyncLocalStorage().run(1, async () => new Promise((done) => setTimeout(done, 0)));
		await new Promise((done) => setImmediate(done));
		await new Promise((done) => process.nextTick(done));
		await new Promise((done) => queueMicrotask(done));
		await Promise.allSettled([Promise.reject(new Error("warm"))]);
		await new Promise((done) => new PassThrough().on("data", done).write("x"));
		fs.readFileSync(__filename, "utf8");
		fs.existsSync("/none");
		fs.statSync("/");
		try {
			fs.readFileSync("/none/at/all");
		} catch (error) {
			inspect(error);
		}
		const controller = new AbortController();
		controller.signal.addEventListener("abort", () => {});
		controller.abort();
		new EventTarget().dispatchEvent(new Event("warm"));
	}
	process.chdir(".");
	// What is called for each character is compiled to machine code soon: here, and not in every child.
	for (let round = 0; round < 1000; round++) path.resolve("worker.mjs"), path.normalize("/work/../work/worker.mjs"), pathToFileURL("/work/worker.mjs");
	new Headers({ a: "b" }).get("a");
	await new Response("text").text();
	await import(pathToFileURL(path.join(__dirname, "warm.mjs")).href).then(({ warm }) => warm());
	Module.createRequire(__filename)("node:fs");
	// Once for nothing, because functions are compiled when they are called first.
	const nothing = pretended();
	become({ options: ["--none"], script: ["/"], environment: [["A", "b"]], seed: 1 }, nothing);
	nothing.process._exiting = true;
	nothing.process.emit("exit", nothing.process.uptime(), nothing.clocks.now(), nothing.clocks.timeOrigin);
	await prepared.warm();
};

/** What is to be done ahead of programs, besides: see `NodePreload` of the port. */
const prepared = require(ahead);

/** What a fork changes. */
const world = { process, clocks: Object.getPrototypeOf(performance), leave: reallyExit, setFlag: v8.setFlagsFromString, random: Math.random };

/** The same, without effect. */
const pretended = () => ({
	process: { env: { PATH: "/" }, argv: ["node"], chdir() {}, emit() {}, uptime: () => 0 },
	clocks: { now: () => 0, get timeOrigin() { return 0; } },
	leave() {},
	setFlag() {},
	random() {},
});

/**
 * What stays in a child. It uses nothing that a program can replace, and stack traces show it as a part of Node.js: a
 * program is not to see where the server keeps its files.
 */
const own = (make) => vm.runInThisContext(`(${make})`, { filename: "node:internal/process/execution" })(Reflect.apply);

/** Makes the process look like one that was started with this program. */
const become = ({ options, script, environment, seed }, { process, clocks, leave, setFlag, random }) => {
	const age = clocks.now.call(performance);
	process.chdir(".");
	for (const name of Object.keys(process.env)) delete process.env[name];
	for (const [name, value] of environment) process.env[name] = value;
	process.execPath = "/usr/bin/node";
	process.execArgv = options;
	process.argv.splice(0, process.argv.length, process.execPath, path.resolve(script[0]), ...script.slice(1));
	Object.defineProperty(process, "pid", { value: 2, writable: false, enumerable: true, configurable: true });
	// Its parent is the sandbox's first process to all that it can see.
	Object.defineProperty(process, "ppid", { value: 1, writable: true, enumerable: true, configurable: true });
	// For this context only: a number is drawn at once, and threads made later seed themselves.
	setFlag(`--random-seed=${seed}`);
	random();
	setFlag("--random-seed=0");
	for (const option of options) setFlag(option);
	shiftClocks(age, clocks, process);
	leaveAtOnce(process, leave);
	delete process.mainModule;
};

/** A program that is done leaves without taking node apart first. */
const leaveAtOnce = own((apply) => (process, leave) => {
	process.reallyExit = leave;
	const { emit } = process;
	const value = function (name) {
		// With any other code an error may be waiting to be printed; and who has replaced this function may have more to do.
		const isEnd = name === "exit" && this === process && process._exiting && !process.exitCode && process.emit === value;
		const answer = apply(emit, this, arguments);
		if (isEnd) leave(process.exitCode | 0);
		return answer;
	};
	Object.defineProperty(value, "name", { value: "emit" });
	Object.defineProperty(process, "emit", { value, writable: true, enumerable: false, configurable: true });
});

/** The age of the process counts from the fork. */
const shiftClocks = own((apply) => (age, clocks, process) => {
	const { now } = clocks;
	const { get: timeOrigin } = Object.getOwnPropertyDescriptor(clocks, "timeOrigin");
	const { uptime } = process;
	const seconds = apply(uptime, process, []);
	const replace = (target, name, key, replacement) => {
		const descriptor = Object.getOwnPropertyDescriptor(target, name);
		Object.defineProperty(replacement, "name", Object.getOwnPropertyDescriptor(descriptor[key], "name"));
		Object.defineProperty(target, name, { ...descriptor, [key]: replacement });
	};
	const methods = {
		now() {
			return apply(now, this, []) - age;
		},
		timeOrigin() {
			return apply(timeOrigin, this, []) + age;
		},
		uptime() {
			return apply(uptime, process, []) - seconds;
		},
	};
	replace(clocks, "now", "value", methods.now);
	replace(clocks, "timeOrigin", "get", methods.timeOrigin);
	replace(process, "uptime", "value", methods.uptime);
});

// In stack traces the program is called from where node calls it.
const start = vm.runInThisContext("(runMain, process) => () => runMain(process.argv[1])", { filename: "node:internal/main/run_main_module", lineOffset: 35, columnOffset: 15 })(Module.runMain, process);
/** Gives back what warming up has left behind; a fork copies what is there. */
const collectGarbage = () => {
	v8.setFlagsFromString("--expose-gc");
	vm.runInNewContext("gc")({ type: "major", flavor: "last-resort" });
	v8.setFlagsFromString("--no-expose-gc");
};

warm().then(() => {
	collectGarbage();
	// Twice, so that whatever the last step has queued is done.
	setImmediate(() => setImmediate(() => {
		const program = JSON.parse(runTemplate());
		become(program, world);
		for (const name of Object.keys(require.cache)) delete require.cache[name];
		delete module.children;
		prepared.prepare(process.env);
		start();
	}));
});
