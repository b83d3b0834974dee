// Everything the harness relies upon, taken before user code can replace it.
//
// What the rest of the harness keeps to, because user code may replace any method of any prototype: once user code is
// loaded, no `for…of`, spread or destructuring of arrays, no regular expressions, no methods called as methods. What
// becomes JSON has no prototype, so that it has no `toJSON` of the user's either.
const process = globalThis.process;
const ready = globalThis[Symbol.for("workers.harness")];
// Where it may have come from is none of the user's business.
delete globalThis[Symbol.for("workers.harness")];
/**
 * In a zygote: waits for a call, and returns it in each process that is forked for one. The module is loaded before
 * that, once for all of them.
 */
const park = ready?.park;
const evaluate = globalThis.eval;
const { builtin } = config;
const fs = builtin("fs");
const { writeSync, readFileSync, existsSync } = fs;
const { isProxy, isNativeError, isMap, isSet, isDate, isPromise, isAnyArrayBuffer } = builtin("util").types;
const { isUtf8 } = builtin("buffer");
const { parse: parseJson, stringify } = JSON;
const now = Date.now;
const { hrtime, nextTick, listenerCount, hasUncaughtExceptionCaptureCallback, _tickCallback: runTicks } = process;
const Buffer = globalThis.Buffer;
const { from: bytesOf, byteLength, isEncoding } = Buffer;
const { isArray } = Array;
const { keys, getOwnPropertyNames, getOwnPropertySymbols, getPrototypeOf, setPrototypeOf, getOwnPropertyDescriptor, defineProperty, create, hasOwn, prototype: objectPrototype } = Object;
const { isFinite } = Number;
const { apply } = Reflect;
const { isView } = ArrayBuffer;
const { wait } = Atomics;
const { Error, TypeError, SyntaxError, Int32Array, Uint8Array, SharedArrayBuffer, Map } = globalThis;
const { toStringTag, hasInstance } = Symbol;
const { captureStackTrace } = Error;
const { prototype: arrayPrototype } = Array;
const realExit = process.reallyExit;
const kill = process.kill;
const softExit = process.exit;
const emit = process.emit;
/** `uncurry(f)(self, …)` is `self.f(…)`, whatever becomes of the prototype. */
const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const toWellFormed = uncurry(String.prototype.toWellFormed);
const slice = uncurry(String.prototype.slice);
const indexOf = uncurry(String.prototype.indexOf);
const startsWith = uncurry(String.prototype.startsWith);
const codeAt = uncurry(String.prototype.charCodeAt);
const join = uncurry(Array.prototype.join);
const classOf = uncurry(Object.prototype.toString);
const errorToString = uncurry(Error.prototype.toString);
const sourceOf = uncurry(Function.prototype.toString);
const then = uncurry(Promise.prototype.then);
const base64 = uncurry(Buffer.prototype.toString);
const timeOf = uncurry(Date.prototype.getTime);
const isoOf = uncurry(Date.prototype.toISOString);
const instanceOf = uncurry(Function.prototype[hasInstance]);
const mapGet = uncurry(Map.prototype.get);
const mapSet = uncurry(Map.prototype.set);
const mapDelete = uncurry(Map.prototype.delete);
const mapEntries = uncurry(Map.prototype.entries);
const nextInMap = uncurry(getPrototypeOf(new Map().entries()).next);
const setValues = uncurry(Set.prototype.values);
const nextInSet = uncurry(getPrototypeOf(new Set().values()).next);
const copyBytes = uncurry(Uint8Array.prototype.set);
const partOf = uncurry(Uint8Array.prototype.subarray);
const weakGet = uncurry(WeakMap.prototype.get);
const weakSet = uncurry(WeakMap.prototype.set);
const encodeUtf8 = uncurry(TextEncoder.prototype.encode);
const encoder = new TextEncoder();

/** Whether it has properties and is no function. */
const isObject = (value) => typeof value === "object" && value !== null;
const includes = (text, part) => indexOf(text, part) >= 0;
/** An array that no prototype can meddle with. */
const list = () => setPrototypeOf([], null);
const append = (array, item) => {
	array[array.length] = item;
};
/** Milliseconds since `start`, a reading of `hrtime`, to the microsecond. */
const millisSince = (start) => {
	const time = hrtime(start);
	return (time[0] * 1e6 + ((time[1] / 1e3) | 0)) / 1e3;
};
/** What an expression gives, or `fallback` if it throws; for everything that touches a value of the user's. */
const guarded = (read, fallback) => {
	try {
		return read();
	} catch {
		return fallback;
	}
};
