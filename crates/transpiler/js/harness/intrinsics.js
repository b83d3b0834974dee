// Everything the harness relies upon, taken before user code can replace it.
const process = globalThis.process;
const { builtin } = config;
const fs = builtin("fs");
const { writeSync, readFileSync } = fs;
const { parse: parseJson, stringify } = JSON;
const now = Date.now;
const hrtime = process.hrtime;
const Buffer = globalThis.Buffer;
const bytesOf = Buffer.from;
const byteLength = Buffer.byteLength;
const { isArray } = Array;
const { keys, getPrototypeOf, defineProperty, create, prototype: objectPrototype } = Object;
const { isFinite, isInteger } = Number;
const realExit = process.reallyExit;
const softExit = process.exit;
const emit = process.emit;
/** `uncurry(f)(self, …)` is `self.f(…)`, whatever becomes of the prototype. */
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const toWellFormed = uncurry(String.prototype.toWellFormed);
const slice = uncurry(String.prototype.slice);
const includes = uncurry(String.prototype.includes);
const startsWith = uncurry(String.prototype.startsWith);
const replaceAll = uncurry(RegExp.prototype[Symbol.replace]);
const codeAt = uncurry(String.prototype.charCodeAt);
const join = uncurry(Array.prototype.join);
const classOf = uncurry(Object.prototype.toString);
const errorToString = uncurry(Error.prototype.toString);
const sourceOf = uncurry(Function.prototype.toString);
const hasOwn = Object.hasOwn;
const then = uncurry(Promise.prototype.then);
const base64 = uncurry(Buffer.prototype.toString);

/** Milliseconds since `start`, a reading of `hrtime`, to the microsecond. */
const millisSince = (start) => {
	const [seconds, nanos] = hrtime(start);
	return (seconds * 1e6 + ((nanos / 1e3) | 0)) / 1e3;
};
/** What an expression gives, or `fallback` if it throws; for everything that touches a value of the user's. */
const guarded = (read, fallback) => {
	try {
		return read();
	} catch {
		return fallback;
	}
};
