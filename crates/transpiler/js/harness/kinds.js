// The kinds of objects that have a treatment of their own.
/** An array of `[key, value]`, of what `each` calls back with. */
const asPairs = (each, path, ancestors, warnings) => {
	const pairs = list();
	each((value, key) => {
		const pair = list();
		append(pair, key);
		append(pair, value);
		append(pairs, pair);
	});
	return convertArray(pairs, path, ancestors, warnings);
};

/** Names and values as an object. */
const headersOf = (headers) => {
	const record = create(null);
	headers.forEach((value, name) => {
		record[name] = `${value}`;
	});
	return record;
};

const bytesIn = (value, path, warnings) => {
	warn(warnings, path, "bytes became base64");
	const view = isView(value) ? bytesOf(value.buffer, value.byteOffset, value.byteLength) : bytesOf(value);
	return { __proto__: null, $bytes: base64(view, "base64") };
};

const note = (what) => (value, path, ancestors, warnings) => {
	warn(warnings, path, `${what}; null was returned in its place`);
	return null;
};

const plainText = (value) => `${value}`;
const unboxed = (value, path, ancestors, warnings) => convert(value.valueOf(), path, ancestors, warnings);

/** By the name that `Object.prototype.toString` gives. */
const KINDS = {
	__proto__: null,
	Date: (value, path, ancestors, warnings) => {
		if (isFinite(timeOf(value))) return isoOf(value);
		warn(warnings, path, "an invalid Date became null");
		return null;
	},
	Map: (value, path, ancestors, warnings) => {
		warn(warnings, path, "a Map became an array of pairs");
		return asPairs((add) => forEachInMap(value, add), path, ancestors, warnings);
	},
	Set: (value, path, ancestors, warnings) => {
		warn(warnings, path, "a Set became an array");
		const elements = list();
		forEachInSet(value, (element) => append(elements, element));
		return convertArray(elements, path, ancestors, warnings);
	},
	Error: (value, path, ancestors, warnings) => {
		warn(warnings, path, "an Error became its name, message and stack");
		return describeError(value, ancestors.length / 2);
	},
	RegExp: plainText,
	URL: plainText,
	URLSearchParams: plainText,
	Headers: headersOf,
	Response: (value, path, ancestors, warnings) => {
		warn(warnings, path, "the body of a nested Response was not read");
		return { __proto__: null, status: value.status, headers: headersOf(value.headers), body: null };
	},
	Promise: note("a promise is not waited for inside a result"),
	Generator: note("a generator is not a value"),
	AsyncGenerator: note("an asynchronous generator is not a value"),
	ReadableStream: note("a stream is not a value"),
	WeakMap: note("a WeakMap cannot be read"),
	WeakSet: note("a WeakSet cannot be read"),
	WeakRef: note("a WeakRef cannot be read"),
	Blob: note("a Blob has to be read first"),
	File: note("a File has to be read first"),
	FormData: (value, path, ancestors, warnings) => asPairs((add) => value.forEach(add), path, ancestors, warnings),
	Number: unboxed,
	String: unboxed,
	Boolean: unboxed,
	BigInt: unboxed,
};

const convertObject = (value, path, ancestors, warnings) => {
	if (isView(value)) return bytesIn(value, path, warnings);
	const toJson = value.toJSON;
	if (isArray(value) && typeof toJson !== "function") return convertArray(value, path, ancestors, warnings);
	const tag = classOf(value);
	const kind = slice(tag, 8, tag.length - 1);
	if (kind === "ArrayBuffer" || kind === "SharedArrayBuffer") return bytesIn(value, path, warnings);
	if (kind === "Object" && isError(value)) return KINDS.Error(value, path, ancestors, warnings);
	// A class of the user's may call itself anything, so a treatment that fails is not the last word.
	const treat = KINDS[kind];
	if (treat && (typeof toJson !== "function" || toJson === dateToJson || kind === "URL")) {
		const mark = warnings.length;
		try {
			return treat(value, path, ancestors, warnings);
		} catch (error) {
			if (error === tooLarge) throw error;
			warnings.length = mark;
		}
	}
	if (typeof toJson === "function") return convert(apply(toJson, value, [`${path.key}`]), path, ancestors, warnings);
	if (typeof value.pipe === "function" && typeof value.read === "function") return KINDS.ReadableStream(value, path, ancestors, warnings);
	return convertProperties(value, path, ancestors, warnings);
};

/** A Response as the whole result: its body is read, as text if it is UTF-8. */
const readResponse = async (response) => {
	const bytes = bytesOf(await response.arrayBuffer());
	const text = base64(bytes, "utf8");
	const body = bytesOf(text, "utf8").equals(bytes) ? text : { __proto__: null, $bytes: base64(bytes, "base64") };
	return { __proto__: null, status: response.status, headers: headersOf(response.headers), body };
};
