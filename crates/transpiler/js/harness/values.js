// The result as JSON. See VALUES.md for what becomes of everything that JSON does not know.
const MAX_DEPTH = 1000;
const MAX_WARNINGS = 20;
/** The longest string there is; an array with more elements is not even looked at. */
const MAX_LENGTH = Math.min(resultLimit, 2 ** 29 - 24);
/** Thrown to give up a conversion. */
const tooLarge = {};
const datePrototype = Date.prototype;
const dateToJson = datePrototype.toJSON;

/**
 * Whether JSON.stringify does right by a value: only what JSON itself has. This is looked at before anything is converted,
 * because it is several times quicker than a conversion, and nearly every result is plain. A getter is not plain, nor is a proxy:
 * looking would run user code, which JSON.stringify would then run again.
 */
const isPlain = (value, depth) => {
	switch (typeof value) {
		case "string":
		case "boolean":
		case "undefined":
			return true;
		case "number":
			return isFinite(value);
		case "object":
			break;
		default:
			return false;
	}
	if (value === null) return true;
	if (depth > 200 || isProxy(value)) return false;
	if (isArray(value)) {
		if (value.length > MAX_LENGTH || value.toJSON !== undefined) return false;
		for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth + 1)) return false;
		return true;
	}
	const prototype = getPrototypeOf(value);
	if (prototype === datePrototype) return value.toJSON === dateToJson && isFinite(timeOf(value));
	if (prototype !== objectPrototype && prototype !== null) return false;
	for (const key in value) {
		const property = getOwnPropertyDescriptor(value, key);
		if (property === undefined || !hasOwn(property, "value") || !isPlain(property.value, depth + 1)) return false;
	}
	// Only now, because either may be a getter that is not enumerable.
	return lacks(value, prototype, "toJSON") && lacks(value, prototype, toStringTag);
};

/** Whether a plain object has no property of a name that means something, of its own or inherited. */
const lacks = (value, prototype, name) => !hasOwn(value, name) && (prototype === null || !hasOwn(prototype, name));

/** Adds a warning, at most twenty. */
const warn = (warnings, path, message) => {
	if (warnings.length < MAX_WARNINGS) append(warnings, { __proto__: null, path: pathText(path), message });
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
const pathText = (path) => {
	let text = "";
	for (; path !== ROOT; path = path.parent) {
		const { key } = path;
		text = (typeof key === "number" ? `[${key}]` : isWord(key) ? `.${key}` : `[${stringify(key)}]`) + text;
	}
	return `$${text}`;
};

/** A value that holds only what JSON has; adds the warnings that making it took. */
const encode = (value, warnings) => convert(value, ROOT, list(), warnings);

/** What a thrower leaves in the place of its value. */
const threw = (error, path, warnings) => {
	if (error === tooLarge) throw error;
	const message = isError(error) ? textIn(error, "message") : textOf(error);
	warn(warnings, path, `reading it threw: ${message}`);
	return `[Throws: ${message}]`;
};

const convert = (value, path, ancestors, warnings) => {
	try {
		if (typeof value === "number" && !isFinite(value)) {
			warn(warnings, path, `${value} became null`);
			return null;
		}
		if (typeof value === "bigint") {
			warn(warnings, path, "a BigInt became a string of decimal digits");
			return `${value}`;
		}
		if (typeof value === "function" || typeof value === "symbol") {
			warn(warnings, path, `a ${typeof value} was left out`);
			return undefined;
		}
		if (typeof value !== "object" || value === null) return value;
		for (let index = 0; index < ancestors.length; index += 2) {
			if (ancestors[index] === value) {
				warn(warnings, path, "a circular reference was cut");
				return `[Circular ~${slice(pathText(ancestors[index + 1]), 1)}]`;
			}
		}
		if (ancestors.length >= MAX_DEPTH * 2) {
			warn(warnings, path, `it is nested more than ${MAX_DEPTH} levels deep`);
			return "[Too deep]";
		}
		append(ancestors, value);
		append(ancestors, path);
		try {
			return convertObject(value, path, ancestors, warnings);
		} finally {
			ancestors.length -= 2;
		}
	} catch (error) {
		return threw(error, path, warnings);
	}
};

const convertArray = (value, path, ancestors, warnings) => {
	if (value.length > MAX_LENGTH) throw tooLarge;
	const copy = list();
	for (let index = 0; index < value.length; index++) {
		const place = step(path, index);
		let element;
		try {
			element = convert(value[index], place, ancestors, warnings);
		} catch (error) {
			element = threw(error, place, warnings);
		}
		copy[index] = element === undefined ? null : element;
	}
	return copy;
};

const convertProperties = (value, path, ancestors, warnings) => {
	const copy = create(null);
	const names = keys(value);
	for (let index = 0; index < names.length; index++) {
		const key = names[index];
		const place = step(path, key);
		let property;
		try {
			property = convert(value[key], place, ancestors, warnings);
		} catch (error) {
			property = threw(error, place, warnings);
		}
		if (property !== undefined) copy[key] = property;
	}
	return copy;
};
