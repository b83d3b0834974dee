"use strict";
// What a booted Node.js that is forked for worker scripts has done before: the harness is compiled and has run, so that
// a script that finds it parses the user's own code only.
//
// A module of two functions: `warm()`, and `prepare(environment, park)`, which a fork calls before it loads its
// program. `park` is there in a zygote: the harness calls it when the program is loaded, and it returns in each process
// that is forked to run it, with `{script, variables}`.
const { Script } = require("node:vm");

// All are put in when this file is made.
const HARNESS = "$HARNESS$";
const RARE = "$RARE$";
const ID = "$ID$";
const RARE_ID = "$RARE_ID$";

const KEY = Symbol.for("workers.harness");
const script = new Script(HARNESS);
const rare = new Script(RARE);

/** Leaves something where the harness looks for it; it takes it away. */
const leave = (ready) => Object.defineProperty(globalThis, KEY, { value: { __proto__: null, ...ready }, configurable: true });

/** Functions of all kinds that a worker may have. */
const samples = [
	({ stdout, stderr }) => (payload) => {
		stdout.write("text\n");
		stderr.write(`${payload.a}\n`);
		stdout.write(Buffer.from("ä"));
		return { a: [1.5, "b", null, true], c: { d: undefined, e: new Date(0) } };
	},
	() => () => "text",
	() => () => new Map([["a", { set: new Set([1n]), bytes: new Uint8Array(3), error: new Error("warm") }]]),
	() => () => {
		throw new TypeError("warm", { cause: new Error("cause") });
	},
	() => () => new Response("text"),
];

const VARIABLES = { WORKERS_FRAME: "0".repeat(32), WORKERS_RESULT_LIMIT: "1048576" };
const PAYLOAD = '{"a":[1,"b",null]}';

/** A property of the shadow's own. */
const own = (value) => ({ value, writable: true, enumerable: true, configurable: true });

/** Calls the harness with a shadow in the place of the process. */
const start = (shadow, config, park) => {
	const real = Object.getOwnPropertyDescriptor(globalThis, "process");
	Object.defineProperty(globalThis, "process", own(shadow));
	leave({ [RARE_ID]: rare.runInThisContext(), park });
	try {
		return script.runInThisContext()(config);
	} finally {
		Object.defineProperty(globalThis, "process", real);
	}
};

/** Runs a sample as a worker's function, as in a zygote with `park`; resolves when its process would end. */
const run = (sample, park) =>
	new Promise((left) => {
		const shadow = Object.create(process, {
			argv: own(["/usr/bin/node", "/work/worker.mjs", "main", PAYLOAD]),
			env: own(park ? {} : VARIABLES),
			emit: own(() => false),
			binding: own((name) => ({ spawn() {}, Process: class { spawn() {} } })),
			reallyExit: own(left),
			exit: own(function () {
				this.emit("exit", 0);
				this.reallyExit(0);
			}),
		});
		const quiet = { writeSync: (fd, bytes, start, length) => length, readlinkSync: () => "pipe:[1]", openSync: () => 1 };
		// What a harness changes, it changes in copies, except for one thing.
		const changed = { fs: { ...process.getBuiltinModule("fs"), ...quiet }, util: { ...process.getBuiltinModule("util") } };
		const builtin = (name) => changed[name] ?? process.getBuiltinModule(name);
		const config = { url: "file:///work/worker.mjs", main: true, file: "worker.ts", name: "$w", positions: () => {/*AAA*/}, builtin };
		const harness = start(shadow, config, park);
		harness.load("crypto", ["createHash"]);
		harness.load("node:fs", ["default"]);
		harness.run({ __proto__: null, main: () => sample(shadow) });
	});

/** Runs the harness in all ways that are usual. */
exports.warm = async () => {
	// That is the one thing.
	const prepareStackTrace = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
	const parks = [undefined, Object.assign(() => ({ script: ["/", "main", PAYLOAD], variables: VARIABLES, output: [1, 1] }), { watch() {} })];
	for (let round = 0; round < 10; round++) for (const park of parks) for (const sample of samples) await run(sample, park);
	Object.defineProperty(Error, "prepareStackTrace", prepareStackTrace);
};

/** Leaves the harness where a script looks for it; it takes it away before the user's code runs. */
exports.prepare = ({ WORKERS_FRAME }, park) => {
	if (park) {
		const { watch } = park;
		// What a process does when it prints for the first time is done here, and not in each one that is forked.
		park.watch = () => {
			for (let round = 0; round < 10; round++) console.log(""), console.error("");
			watch();
		};
	}
	if (WORKERS_FRAME || park) leave({ [ID]: script.runInThisContext(), [RARE_ID]: rare.runInThisContext(), park });
};
