// The kinds of objects that have a treatment of their own.
/** An array of `[key, value]` as an element that nothing of the user's changes. */
const pairOf = (key, value) => {
	const pair = list();
	append(pair, key);
	append(pair, value);
	return pair;
};

/** Names and values as an object; what is there more than once, as `set-cookie` may be, is an array. */
const headersOf = (headers) => {
	const record = create(null);
	headers.forEach((value, name) => {
		const before = record[name];
		if (before === undefined) record[name] = `${value}`;
		else if (isArray(before)) append(before, `${value}`);
		else record[name] = pairOf(before, `${value}`);
	});
	return record;
};

const writeBytes = (writer, value, path) => {
	warn(writer.warnings, path, "bytes became base64");
	const view = isView(value);
	const size = byteLength(value);
	const most = writer.cuts ? MAX_BYTES : writer.left;
	if (size > most) {
		if (!writer.cuts) throw tooLarge;
		warn(writer.warnings, path, `only the first ${most} of ${size} bytes are there`);
	}
	const kept = size > most ? most : size;
	const bytes = view ? bytesOf(value.buffer, value.byteOffset, kept) : bytesOf(value, 0, kept);
	put(writer, `{"$bytes":"${base64(bytes, "base64")}"}`);
	return true;
};

const note = (what) => (writer, value, path) => {
	warn(writer.warnings, path, `${what}; null was returned in its place`);
	put(writer, "null");
	return true;
};

/** Writes what stands for a value, in its place. */
const writeInstead = (writer, value, path) => writeAt(writer, { value }, "value", path);
const plainText = (writer, value, path) => writeInstead(writer, `${value}`, path);
const unboxed = (writer, value, path) => writeInstead(writer, value.valueOf(), path);
const drained = (what) => (writer, value, path) => {
	warn(writer.warnings, path, `${what} became an array`);
	return writeSequence(writer, path, () => value.next());
};
const request = (writer, value, path, record) => {
	warn(writer.warnings, path, `the body of a nested ${record.method ? "Request" : "Response"} was not read`);
	record.headers = headersOf(value.headers);
	record.body = null;
	writeProperties(writer, record, path);
	return true;
};

/** By what they are, or else by the name that `Object.prototype.toString` gives. */
const KINDS = {
	__proto__: null,
	Date: (writer, value, path) => {
		if (isFinite(timeOf(value))) return writeInstead(writer, isoOf(value), path);
		warn(writer.warnings, path, "an invalid Date became null");
		put(writer, "null");
		return true;
	},
	Map: (writer, value, path) => {
		warn(writer.warnings, path, "a Map became an array of pairs");
		const entries = mapEntries(value);
		return writeSequence(writer, path, () => {
			const item = nextInMap(entries);
			// So that it has no `toJSON` of the user's.
			if (!item.done) setPrototypeOf(item.value, null);
			return item;
		});
	},
	Set: (writer, value, path) => {
		warn(writer.warnings, path, "a Set became an array");
		const values = setValues(value);
		return writeSequence(writer, path, () => nextInSet(values));
	},
	"Map Iterator": drained("an iterator"),
	"Set Iterator": drained("an iterator"),
	"Array Iterator": drained("an iterator"),
	"String Iterator": drained("an iterator"),
	"RegExp String Iterator": drained("an iterator"),
	"Segmenter String Iterator": drained("an iterator"),
	"URLSearchParams Iterator": drained("an iterator"),
	"Headers Iterator": drained("an iterator"),
	"FormData Iterator": drained("an iterator"),
	Iterator: note("an iterator is not a value"),
	"Iterator Helper": note("an iterator is not a value, its toArray() is"),
	"Async Iterator": note("an asynchronous iterator is not a value"),
	RegExp: plainText,
	URL: plainText,
	URLSearchParams: plainText,
	Headers: (writer, value, path) => {
		writeProperties(writer, headersOf(value), path);
		return true;
	},
	Request: (writer, value, path) => request(writer, value, path, { __proto__: null, method: `${value.method}`, url: `${value.url}` }),
	Response: (writer, value, path) => request(writer, value, path, { __proto__: null, status: value.status }),
	Promise: note("a promise is not waited for inside a result"),
	Generator: note("a generator is not a value"),
	AsyncGenerator: note("an asynchronous generator is not a value"),
	ReadableStream: note("a stream is not a value"),
	WritableStream: note("a stream is not a value"),
	TransformStream: note("a stream is not a value"),
	WeakMap: note("a WeakMap cannot be read"),
	WeakSet: note("a WeakSet cannot be read"),
	WeakRef: note("a WeakRef cannot be read"),
	Blob: note("a Blob has to be read first"),
	File: note("a File has to be read first"),
	Event: note("an Event is not a value"),
	CustomEvent: note("an Event is not a value"),
	KeyObject: note("a key is not given away"),
	CryptoKey: note("a key is not given away"),
	FormData: (writer, value, path) => {
		const pairs = list();
		value.forEach((item, name) => append(pairs, pairOf(name, item)));
		return writeArray(writer, pairs, path);
	},
	Number: unboxed,
	String: unboxed,
	Boolean: unboxed,
	BigInt: unboxed,
	Symbol: unboxed,
};

const kindOf = (value) => {
	if (isMap(value)) return "Map";
	if (isSet(value)) return "Set";
	if (isDate(value)) return "Date";
	if (isPromise(value)) return "Promise";
	const tag = classOf(value);
	return slice(tag, 8, tag.length - 1);
};

/** What a person calls the class of an object. */
const classNameOf = (value) => {
	if (isProxy(value)) return "Proxy";
	const name = guarded(() => value.constructor.name, undefined);
	if (typeof name === "string" && name !== "" && name !== "Object") return clip(name, MAX_KEY);
	return clip(guarded(() => kindOf(value), "Object"), MAX_KEY);
};

/** Whether an object is nothing but its properties, in whichever realm. */
const isBare = (value) => {
	if (isProxy(value)) return false;
	const prototype = getPrototypeOf(value);
	return prototype === null || prototype === objectPrototype || getPrototypeOf(prototype) === null;
};

const writeBody = (writer, value, path) => {
	if (isView(value) || isAnyArrayBuffer(value)) return writeBytes(writer, value, path);
	const toJson = value.toJSON;
	const custom = typeof toJson === "function";
	if (isArray(value) && !custom) return writeArray(writer, value, path);
	if (isError(value) && (!custom || writer.errors > 0)) return writeError(writer, value, path);
	const kind = kindOf(value);
	// A class of the user's may call itself anything, so a treatment that fails is not the last word.
	const treat = KINDS[kind];
	if (treat && (!custom || toJson === dateToJson || kind === "URL")) {
		const { text, left, warnings } = writer;
		const parts = writer.parts.length;
		const mark = warnings.length;
		try {
			return treat(writer, value, path);
		} catch (error) {
			if (error === tooLarge) throw error;
			takeBack(writer, parts, text, left);
			warnings.length = mark;
		}
	}
	if (custom) {
		const json = apply(toJson, value, [`${path.key}`]);
		if (json === null && kind === "Date") return KINDS.Date(writer, value, path);
		return writeInstead(writer, json, path);
	}
	if (typeof value.pipe === "function" && (typeof value.read === "function" || typeof value.write === "function")) return KINDS.ReadableStream(writer, value, path);
	const wrote = writeProperties(writer, value, path);
	if (!wrote && kind !== "Module" && !(kind === "Object" && isBare(value))) {
		warn(writer.warnings, path, `of an object of the class ${classNameOf(value)} there is nothing that JSON can show`);
	}
	return true;
};

/**
 * A Response as the whole result: its body is read, as text if it is UTF-8. One that was read before is like one inside
 * a value, and so is what only calls itself a Response.
 */
const readResponse = async (response) => {
	if (response.bodyUsed) return response;
	const read = await response.arrayBuffer();
	if (!isAnyArrayBuffer(read) && !isView(read)) return response;
	const bytes = bytesOf(read);
	const body = isUtf8(bytes) ? base64(bytes, "utf8") : { __proto__: null, $bytes: base64(bytes, "base64") };
	return { __proto__: null, status: response.status, headers: headersOf(response.headers), body };
};

/** Any value as JSON of at most `limit` bytes; adds the warnings that this took. Throws `tooLarge`. */
const encode = (value, limit, warnings) => {
	const writer = newWriter(limit, warnings, false);
	return writeAt(writer, { value }, "value", ROOT) ? textIn(writer) : "null";
};

/** Adds a warning that is about no place in particular. */
const notice = (warnings, message) => warn(warnings, ROOT, message);

return { encode, describe, thrownJson, notice, readResponse };
