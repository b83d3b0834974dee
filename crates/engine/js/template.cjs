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
const { runTemplate, park, learn, watch, reallyExit } = addon.exports;

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
	// As is what runs after each turn of the event loop: so often that the last tier of V8's compilers has done it.
	for (let round = 0; round < 20000; round++) await new Promise(process.nextTick);
	for (let round = 0; round < 500; round++) await new Promise(setImmediate);
	new Headers({ a: "b" }).get("a");
	await new Response("text").text();
	await import(pathToFileURL(path.join(__dirname, "warm.mjs")).href).then(({ warm }) => warm());
	Module.createRequire(__filename)("node:fs");
	// Once for nothing, because functions are compiled when they are called first.
	const nothing = pretended();
	become({ options: ["--none"], script: ["/"], environment: [["A", "b"]], seed: 1, pid: 2 }, nothing);
	const programs = [RUN, '{"seed":1}'];
	parked(() => programs.pop(), JSON.parse, seedRandom(nothing.setFlag, nothing.random), 1, () => {}, restartClocks)();
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
const become = ({ options, script, environment, seed, pid, zygote }, { process, clocks, leave, setFlag, random }) => {
	const age = clocks.now.call(performance);
	process.chdir(".");
	for (const name of Object.keys(process.env)) delete process.env[name];
	for (const [name, value] of environment) process.env[name] = value;
	process.execPath = "/usr/bin/node";
	process.execArgv = options;
	process.argv.splice(0, process.argv.length, process.execPath, path.resolve(script[0]), ...script.slice(1));
	Object.defineProperty(process, "pid", { value: pid, writable: false, enumerable: true, configurable: true });
	// Its parent is the sandbox's first process to all that it can see.
	Object.defineProperty(process, "ppid", { value: 1, writable: true, enumerable: true, configurable: true });
	// V8 takes the seed with the first number that is drawn, so a zygote must not draw any.
	if (!zygote) seedRandom(setFlag, random)(seed);
	for (const option of options) setFlag(option);
	restartClocks = shiftClocks(age, clocks, process);
	leaveAtOnce(process, leave);
	delete process.mainModule;
};

/** Makes the clocks count from now on. */
let restartClocks;

/** Seeds `Math.random` of this context only: a number is drawn at once, and threads made later seed themselves. */
const seedRandom = own(() => (setFlag, random) => (seed) => {
	setFlag(`--random-seed=${seed}`);
	const first = random();
	setFlag("--random-seed=0");
	return first;
});

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
	let seconds = apply(uptime, process, []);
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
	return () => {
		age = apply(now, performance, []);
		seconds = apply(uptime, process, []);
	};
});

/**
 * What a zygote does when its program is loaded: `park` returns in each process that is forked, with a seed, or with a
 * `probe`, which finds out whether `Math.random` was used before: then the first number after seeding is another one
 * than `expected`. Called again it waits for the program to run and returns that.
 */
const parked = own((apply) => (park, parse, seed, expected, leave, restart) => () => {
	const forked = parse(park());
	if (forked.probe) leave(seed(1) === expected ? 0 : 1);
	seed(forked.seed);
	const program = parse(park());
	const variables = { __proto__: null };
	const { environment } = program;
	for (let index = 0; index < environment.length; index++) variables[environment[index][0]] = environment[index][1];
	restart();
	return { script: program.script, variables, output: program.output };
});

// In stack traces the program is called from where node calls it.
const start = vm.runInThisContext("(runMain, process) => () => runMain(process.argv[1])", { filename: "node:internal/main/run_main_module", lineOffset: 35, columnOffset: 15 })(Module.runMain, process);
/** The first number that a context draws after it was seeded with 1. */
v8.setFlagsFromString("--random-seed=1");
const expected = vm.runInNewContext("Math.random()");
v8.setFlagsFromString("--random-seed=0");

/** Makes V8's function to collect garbage, in another context, so that no program finds it. */
const collector = () => {
	v8.setFlagsFromString("--expose-gc");
	const gc = vm.runInNewContext("gc");
	v8.setFlagsFromString("--no-expose-gc");
	return gc;
};

/** Makes Node.js itself read the clock, and does not read it in JavaScript: `learn` notes meanwhile who reads it. */
const learnClocks = async () => {
	const gc = collector();
	learn(1);
	for (let round = 0; round < 3; round++) {
		await new Promise((done) => setTimeout(done, 0));
		await new Promise((done) => setImmediate(done));
		gc({ type: "minor" });
		gc({ type: "major" });
	}
	learn(0);
};

/** A program as a run gets it, with its members in that order. */
const RUN = '{"output":[1,2],"script":["/"],"environment":[["A","b"]]}';

/** The length of a script, in bytes, up to which all of its functions are compiled before the first fork. */
const COMPILED_AHEAD = 256 << 10;

/** How a zygote parks; `watch` begins to note what its program looks at. To be called before its script is read. */
const zygotePark = () => {
	const { setFlagsFromString } = v8;
	const seed = seedRandom(setFlagsFromString, Math.random);
	// Else each run would compile what it calls.
	if (fs.statSync(process.argv[1]).size <= COMPILED_AHEAD) setFlagsFromString("--no-lazy");
	const start = () => {
		setFlagsFromString("--lazy");
		watch();
	};
	// V8 forgets the shapes of objects that are gone, and each run would make them anew.
	const shape = JSON.parse(RUN);
	return Object.assign(parked(park, JSON.parse, seed, expected, reallyExit, restartClocks), { watch: start, shape });
};

warm().then(learnClocks).then(() => {
	// A fork copies what warming up has left behind.
	collector()({ type: "major", flavor: "last-resort" });
	// Twice, so that whatever the last step has queued is done.
	setImmediate(() => setImmediate(() => {
		const program = JSON.parse(runTemplate());
		become(program, world);
		for (const name of Object.keys(require.cache)) delete require.cache[name];
		delete module.children;
		prepared.prepare(process.env, program.zygote ? zygotePark() : undefined);
		start();
	}));
});
