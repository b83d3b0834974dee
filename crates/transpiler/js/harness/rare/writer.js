// JSON, written piece by piece within a budget: writing ends where the budget ends, however many ways lead through a
// value.
const MAX_DEPTH = 1000;
/** The same in what is cut instead of given up, and of errors in each other. */
const MAX_CUT_DEPTH = 50;
const MAX_WARNINGS = 20;
/** The longest texts of a warning, of a path that stands for a value, and of a key in a path, in UTF-16 units. */
const MAX_MESSAGE = 500;
const MAX_REFERENCE = 100;
const MAX_KEY = 100;
/** The longest string, and the most bytes, in what is cut instead of given up. */
const MAX_STRING = 16384;
const MAX_BYTES = 12288;

/**
 * What is being written. `left`: so many bytes more. `work`: so many places more may be looked at, which bounds those
 * that leave nothing behind. `cuts`: what is too long is cut; else it is given up. `open`: the objects around the
 * place, from the root. `places`: where these are, and where parts of circles were written. `low`: how far out the
 * current object refers. It has a prototype, because V8 is slow with objects that were made without one; all that is
 * read of it is its own.
 */
const newWriter = (left, warnings, cuts) => ({
	parts: list(),
	text: "",
	left,
	work: left / 2 + (cuts ? 1e5 : 1e6),
	warnings,
	cuts,
	errors: 0,
	open: list(),
	places: new Map(),
	low: Infinity,
});

/** All that was written. */
const textIn = (writer) => {
	append(writer.parts, writer.text);
	return join(writer.parts, "");
};

/** Writes JSON. */
const put = (writer, json, bytes = json.length) => {
	writer.text += json;
	writer.left -= bytes;
	if (writer.left < 0 && !writer.cuts) throw tooLarge;
	if (writer.text.length > 1024) {
		// V8 keeps the pieces of a text, which take far more room, until the text is looked at.
		codeAt(writer.text, 0);
		append(writer.parts, writer.text);
		writer.text = "";
	}
};

/** Takes back what was written since `parts`, `text` and `left` were what they are here. */
const takeBack = (writer, parts, text, left) => {
	writer.parts.length = parts;
	writer.text = text;
	writer.left = left;
};

/** Looks at one more place. */
const look = (writer) => {
	if (--writer.work >= 0) return;
	if (!writer.cuts) throw tooLarge;
	writer.left = 0;
};

/** The beginning of a text that is too long, and how long it was. */
const clip = (text, length) => {
	if (text.length <= length) return text;
	return `${slice(text, 0, length)}\u2026 (${text.length} characters)`;
};

/** The JSON of a text of at most `length` units, that takes at most twice as many bytes. */
const shortJson = (text, length) => {
	let json = stringify(toWellFormed(clip(text, length)));
	if (byteLength(json) > 2 * length + 64) json = stringify(toWellFormed(clip(text, (length / 3) | 0)));
	return json;
};

const writeString = (writer, text, path) => {
	const { cuts, left } = writer;
	if (!cuts && text.length > left) throw tooLarge;
	let json;
	if (cuts && (text.length > MAX_STRING || text.length > left)) {
		const length = left < MAX_STRING ? (left < 0 ? 0 : left) : MAX_STRING;
		warn(writer.warnings, path, `a text of ${text.length} characters was cut`);
		json = shortJson(text, length);
	} else {
		json = stringify(toWellFormed(text));
	}
	put(writer, json, byteLength(json));
};

/** Adds a warning, at most twenty. */
const warn = (warnings, path, message) => {
	if (warnings.length < MAX_WARNINGS) append(warnings, { __proto__: null, path: pathText(path), message: toWellFormed(clip(message, MAX_MESSAGE)) });
	else if (warnings.length === MAX_WARNINGS) append(warnings, { __proto__: null, path: "$", message: "there are more warnings" });
};

/** Whether `.key` can be written for a property. */
const isWord = (key) => {
	for (let index = 0; index < key.length; index++) {
		const code = codeAt(key, index);
		const lower = code | 32;
		if (!(lower > 96 && lower < 123 && code > 64) && !(code > 47 && code < 58) && code !== 95 && code !== 36) return false;
	}
	return key !== "";
};

/** Where a value is: a chain of keys, of which a text is made only for a warning. */
const ROOT = { parent: undefined, key: "" };
const step = (parent, key) => ({ parent, key });
const pathText = (path, most = MAX_MESSAGE) => {
	let text = "";
	for (; path !== ROOT; path = path.parent) {
		let { key } = path;
		if (typeof key === "number") key = `[${key}]`;
		else if (key.length > MAX_KEY) key = `[${stringify(toWellFormed(`${slice(key, 0, MAX_KEY)}\u2026`))}]`;
		else key = isWord(key) ? `.${key}` : `[${stringify(toWellFormed(key))}]`;
		text = key + text;
		if (text.length > most) {
			if (path.parent !== ROOT) text = `\u2026${text}`;
			break;
		}
	}
	return `$${text}`;
};

/** What a thrower leaves in the place of its value. */
const writeThrow = (writer, error, path) => {
	if (error === tooLarge) throw error;
	const message = isError(error) ? messageOf(error) : textOf(error);
	warn(writer.warnings, path, `reading it threw: ${message}`);
	writeString(writer, `[Throws: ${clip(message, MAX_MESSAGE)}]`, path);
	return true;
};

/** Writes `holder[key]`; whether there was anything to write. */
const writeAt = (writer, holder, key, path) => {
	const { text, left } = writer;
	const parts = writer.parts.length;
	try {
		look(writer);
		const value = holder[key];
		// Not by way of `writeValue`: each call more takes room on the stack, which is to do for a thousand levels.
		return typeof value === "object" && value !== null ? writeObject(writer, value, path) : writeValue(writer, value, path);
	} catch (error) {
		takeBack(writer, parts, text, left);
		return writeThrow(writer, error, path);
	}
};

/** Writes a value that is no object. */
const writeValue = (writer, value, path) => {
	switch (typeof value) {
		case "object":
			put(writer, "null");
			return true;
		case "string":
			writeString(writer, value, path);
			return true;
		case "number":
			if (isFinite(value)) {
				put(writer, `${value}`);
			} else {
				warn(writer.warnings, path, `${value} became null`);
				put(writer, "null");
			}
			return true;
		case "boolean":
			put(writer, value ? "true" : "false");
			return true;
		case "bigint":
			warn(writer.warnings, path, "a BigInt became a string of decimal digits");
			writeString(writer, `${value}`, path);
			return true;
		case "undefined":
			return false;
		default:
			warn(writer.warnings, path, `a ${typeof value} was left out`);
			return false;
	}
};

/** Writes an object that is neither around this place, nor a part of a circle that was written before. */
const writeObject = (writer, value, path) => {
	const { open, places } = writer;
	const depth = open.length;
	const before = mapGet(places, value);
	if (before) {
		// Out to where the circle begins, if that is around this place.
		let root = before;
		while (!root.open && root.root !== root) root = root.root;
		if (root.open && root.depth < writer.low) writer.low = root.depth;
		warn(writer.warnings, path, before.open ? "a circular reference was cut" : "a part of a circle is written once");
		writeString(writer, `[Circular ~${slice(pathText(before.path, MAX_REFERENCE), 1)}]`, path);
		return true;
	}
	const most = writer.cuts ? MAX_CUT_DEPTH : MAX_DEPTH;
	if (depth >= most || writer.errors >= MAX_CUT_DEPTH) {
		warn(writer.warnings, path, `it is nested more than ${depth} levels deep`);
		put(writer, '"[Too deep]"');
		return true;
	}
	const place = { path, depth, open: true, root: undefined };
	const { low } = writer;
	writer.low = Infinity;
	append(open, place);
	mapSet(places, value, place);
	try {
		return writeBody(writer, value, path);
	} finally {
		open.length = depth;
		place.open = false;
		const reached = writer.low;
		if (reached > depth) mapDelete(places, value);
		else place.root = reached < depth ? open[reached] : place;
		writer.low = reached < depth && reached < low ? reached : low;
	}
};

/** Ends an array or object for which nothing is left; `more` says what is missing. */
const cutShort = (writer, path, key, more) => {
	warn(writer.warnings, path, `it was cut here: ${more} more`);
	put(writer, `${key}"[Cut: ${more} more]"`);
};

const writeArray = (writer, value, path) => {
	const { length } = value;
	put(writer, "[");
	for (let index = 0; index < length; index++) {
		if (writer.left <= 0 && writer.cuts) {
			cutShort(writer, path, index ? "," : "", length - index);
			break;
		}
		if (index) put(writer, ",");
		if (!writeAt(writer, value, index, step(path, index))) put(writer, "null");
	}
	put(writer, "]");
	return true;
};

/** Writes an array of what `next` gives, as the method `next` of an iterator does. */
const writeSequence = (writer, path, next) => {
	put(writer, "[");
	for (let index = 0; ; index++) {
		look(writer);
		const item = next();
		if (item.done) break;
		if (writer.left <= 0 && writer.cuts) {
			cutShort(writer, path, index ? "," : "", "some");
			break;
		}
		if (index) put(writer, ",");
		if (!writeAt(writer, item, "value", step(path, index))) put(writer, "null");
	}
	put(writer, "]");
	return true;
};

/** Writes the enumerable properties of an object's own, or those of these names; whether there were any. */
const writeProperties = (writer, value, path, names = keys(value)) => {
	let wrote = false;
	put(writer, "{");
	for (let index = 0; index < names.length; index++) {
		if (writer.left <= 0 && writer.cuts) {
			cutShort(writer, path, wrote ? ',"\u2026":' : '"\u2026":', names.length - index);
			wrote = true;
			break;
		}
		const key = names[index];
		const { text, left } = writer;
		const parts = writer.parts.length;
		if (!writer.cuts && key.length > left) throw tooLarge;
		const json = writer.cuts ? shortJson(key, MAX_KEY) : stringify(toWellFormed(key));
		put(writer, `${wrote ? "," : ""}${json}:`, byteLength(json) + 2);
		if (writeAt(writer, value, key, step(path, key))) wrote = true;
		else takeBack(writer, parts, text, left);
	}
	put(writer, "}");
	return wrote;
};
