// The result as JSON. See VALUES.md for what becomes of everything that JSON does not know.
/** As long as a string or the result may be; an array with more elements is not even looked at. */
const maxLength = () => (resultLimit < 2 ** 29 - 24 ? resultLimit : 2 ** 29 - 24);
const datePrototype = Date.prototype;
const dateToJson = datePrototype.toJSON;
/** Thrown to give up. */
const tooLarge = {};

/** How much of a value is still looked at, in bytes of JSON or a little less. Beyond it `tooLarge` is thrown. */
let allowance = 0;
const allow = (bytes) => {
	allowance -= bytes;
	if (allowance < 0) throw tooLarge;
};
/**
 * Whether JSON.stringify does right by a value: only what JSON itself has. This is looked at before anything is
 * converted, because it is several times quicker than a conversion, and nearly every result is plain. A getter is not
 * plain, nor is a proxy: looking would run user code, which JSON.stringify would then run again.
 */
const isPlain = (value, depth) => {
	allow(1);
	switch (typeof value) {
		case "string":
			allow(value.length);
			return true;
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
		if (value.toJSON !== undefined) return false;
		allow(value.length);
		for (let index = 0; index < value.length; index++) if (!isPlain(value[index], depth + 1)) return false;
		return true;
	}
	const prototype = getPrototypeOf(value);
	if (prototype === datePrototype) return value.toJSON === dateToJson && isFinite(timeOf(value));
	if (prototype !== objectPrototype && prototype !== null) return false;
	for (const key in value) {
		allow(key.length + 3);
		const property = getOwnPropertyDescriptor(value, key);
		if (property === undefined || !hasOwn(property, "value") || !isPlain(property.value, depth + 1)) return false;
	}
	// Only now, because either may be a getter that is not enumerable.
	return lacks(value, prototype, "toJSON") && lacks(value, prototype, toStringTag);
};

/** Whether a plain object has no property of a name that means something, of its own or inherited. */
const lacks = (value, prototype, name) => !hasOwn(value, name) && (prototype === null || !hasOwn(prototype, name));

/** A value as JSON; adds the warnings that this took. Throws `tooLarge`. */
const toJsonText = (value, warnings) => {
	allowance = maxLength() + 1e6;
	let plain = false;
	try {
		plain = isPlain(value, 0);
	} catch (error) {
		if (error === tooLarge) throw error;
	}
	if (plain) {
		const json = guarded(() => stringify(value), undefined);
		// What fails then is too long for a string.
		if (json !== undefined) return wellFormed(json);
	}
	return rare().encode(value, maxLength(), warnings);
};
