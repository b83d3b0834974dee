// Whatever was thrown, as a record.
const MAX_TEXT = 65536;
/** What may be written of all that a record has besides message and stack, in bytes. */
const MAX_DETAILS = 131072;

/** Whether it is an error, of whichever realm, whatever it calls itself. */
const isError = (value) => typeof value === "object" && value !== null && (isNativeError(value) || guarded(() => instanceOf(Error, value), false));

let asking = 0;
/** The text of anything, objects as JSON. */
const textOf = (value) => {
	if (typeof value === "string") return value;
	if (typeof value === "symbol") return value.description ?? "Symbol()";
	if (typeof value === "function") return `a function ${guarded(() => `${value.name}`, "")}`;
	if (typeof value !== "object" || value === null) return `${value}`;
	// An error may be its own message.
	if (asking > 2) return classNameOf(value);
	asking++;
	const writer = newWriter(MAX_STRING, list(), true);
	const json = guarded(() => (writeAt(writer, { value }, "value", ROOT), textIn(writer)), "{}");
	asking--;
	if (json[0] === '"') return parseJson(json);
	const isMute = json === "null" || (json === "{}" && !guarded(() => isBare(value), false));
	return isMute ? `an object of the class ${classNameOf(value)}` : json;
};

/** A text property of an error, or nothing. */
const textAt = (error, name) => {
	const value = guarded(() => error[name], undefined);
	return value === undefined ? undefined : guarded(() => textOf(value), undefined);
};

/** Whether a promise was thrown, or what is awaited like one, in place of what it stands for. */
const isPromiseLost = (thrown) => typeof thrown === "object" && thrown !== null && (isPromise(thrown) || guarded(() => typeof thrown.then === "function", false));
const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

/** The message of an error. */
const messageOf = (error) => textAt(error, "message") ?? "";
/** The message of anything that was thrown. */
const reasonOf = (thrown) => {
	if (isError(thrown)) return messageOf(thrown);
	if (thrown === "") return "an empty text was thrown";
	if (isPromiseLost(thrown)) return "a promise was thrown; is an `await` missing?";
	const message = isObject(thrown) ? guarded(() => thrown.message, undefined) : undefined;
	return typeof message === "string" && message !== "" ? message : textOf(thrown);
};

/** `{name, message, stack}` of anything that was thrown. */
const describe = (thrown) => {
	const message = reasonOf(thrown);
	const isNamed = isError(thrown) || (typeof thrown === "object" && thrown !== null);
	const name = (isNamed && textAt(thrown, "name")) || (isError(thrown) ? "Error" : "NonError");
	const stack = isNamed ? guarded(() => thrown.stack, undefined) : undefined;
	const isText = typeof stack === "string" && stack !== "";
	return { __proto__: null, name, message, stack: isText ? stack : `${isError(thrown) ? name : "Thrown"}: ${message}` };
};

/** The standard fields of errors, which are not among their `properties`. */
const STANDARD = { __proto__: null, name: true, message: true, stack: true, cause: true };

/** What an error carries besides its texts: `errorCode`, `cause`, `errors`, and of `properties` the names. */
const detailsOf = (writer, error) => {
	const details = { __proto__: null };
	const code = guarded(() => error.code, undefined);
	if (typeof code === "string") details.errorCode = clip(code, MAX_MESSAGE);
	else if (typeof code === "number") details.errorCode = code;
	const cause = guarded(() => error.cause, undefined);
	// Of some classes it is a method.
	if (guarded(() => hasOwn(error, "cause"), false) || typeof cause !== "function") details.cause = cause;
	const errors = guarded(() => error.errors, undefined);
	const isList = guarded(() => isArray(errors), false);
	if (isList) details.errors = errors;
	const names = list();
	const own = guarded(() => keys(error), list());
	// Those of a SuppressedError are not enumerable.
	const hidden = { __proto__: null, error: true, suppressed: true };
	for (let index = 0; index < own.length; index++) {
		const key = own[index];
		if (hidden[key]) hidden[key] = false;
		if (!STANDARD[key] && !(isList && key === "errors")) append(names, key);
	}
	if (guarded(() => hasOwn(error, "suppressed") && hasOwn(error, "error"), false)) {
		if (hidden.error) append(names, "error");
		if (hidden.suppressed) append(names, "suppressed");
	}
	writer.work -= own.length;
	if (names.length > 0) details.properties = names;
	return details;
};

/** Writes the `details` of an error or of what was thrown in its place, each after a comma. */
const writeDetails = (writer, error, details, path) => {
	const names = keys(details);
	writer.errors++;
	for (let index = 0; index < names.length; index++) {
		const key = names[index];
		const { text, left } = writer;
		const parts = writer.parts.length;
		put(writer, `,"${key}":`);
		const place = step(path, key);
		if (key === "properties") writeProperties(writer, error, place, details.properties);
		else if (!writeAt(writer, details, key, place)) takeBack(writer, parts, text, left);
	}
	writer.errors--;
};

/** Writes an error inside a value, or inside an error. */
const writeError = (writer, error, path) => {
	if (writer.errors === 0) warn(writer.warnings, path, "an Error became its name, message and stack");
	const { name, message, stack } = describe(error);
	const length = writer.cuts ? MAX_STRING : MAX_TEXT;
	const json = `{"name":${shortJson(name, MAX_MESSAGE)},"message":${shortJson(message, length)},"stack":${shortJson(stack, length)}`;
	put(writer, json, byteLength(json));
	writeDetails(writer, error, detailsOf(writer, error), path);
	put(writer, "}");
	return true;
};

/** The record of what was thrown, as JSON. */
const thrownJson = (code, thrown, warnings) => {
	const { name, message, stack } = describe(thrown);
	const writer = newWriter(MAX_DETAILS, warnings, true);
	// What it refers to may refer back to it.
	if (isObject(thrown)) {
		const place = { path: ROOT, depth: 0, open: true, root: undefined };
		append(writer.open, place);
		if (isError(thrown)) mapSet(writer.places, thrown, place);
	}
	writer.text = `{"__error":true,"code":"${code}","name":${shortJson(name, MAX_MESSAGE)},"message":${shortJson(message, MAX_TEXT)},"stack":${shortJson(stack, MAX_TEXT)}`;
	writeDetails(writer, thrown, isError(thrown) ? detailsOf(writer, thrown) : { __proto__: null, value: thrown }, ROOT);
	put(writer, "}");
	return textIn(writer);
};
