// Whatever was thrown, as a record.
const MAX_TEXT = 65536;
const clip = (text) => toWellFormed(text.length > MAX_TEXT ? `${slice(text, 0, MAX_TEXT)}… (${text.length} characters)` : text);
const textOf = (value) => guarded(() => clip(`${value}`), undefined);

/** Whether it is an error, of whichever realm. */
const isError = (value) =>
	typeof value === "object" &&
	value !== null &&
	(guarded(() => value instanceof Error, false) || guarded(() => classOf(value) === "[object Error]", false));

/** A text property of an error, or nothing. */
const textIn = (error, name) => {
	const value = guarded(() => error[name], undefined);
	return typeof value === "string" ? clip(value) : undefined;
};

/** `{name, message, stack}` and, where there are any, `errorCode`, `cause` and `errors`. */
const describeError = (error, depth = 0) => {
	const record = {
		__proto__: null,
		name: textIn(error, "name") ?? "Error",
		message: textIn(error, "message") ?? "",
		stack: textIn(error, "stack"),
	};
	record.stack ??= `${record.name}: ${record.message}`;
	const code = guarded(() => error.code, undefined);
	if (typeof code === "string" || typeof code === "number") record.errorCode = code;
	if (depth < 8) {
		if (guarded(() => hasOwn(error, "cause"), false)) {
			const cause = guarded(() => error.cause, undefined);
			record.cause = isError(cause) ? describeError(cause, depth + 1) : encode(cause, list());
		}
		const errors = guarded(() => error.errors, undefined);
		if (guarded(() => isArray(errors), false)) {
			record.errors = list();
			const count = guarded(() => errors.length, 0);
			for (let index = 0; index < 10 && index < count; index++) {
				append(record.errors, describeThrown(guarded(() => errors[index], undefined), depth + 1));
			}
		}
	}
	return record;
};

/** The same for anything that can be thrown. */
const describeThrown = (thrown, depth = 0) => {
	if (isError(thrown)) return describeError(thrown, depth);
	const isObject = (typeof thrown === "object" && thrown !== null) || typeof thrown === "function";
	const value = encode(thrown, list());
	let message = isObject ? textIn(thrown, "message") : textOf(typeof thrown === "symbol" ? thrown.description : thrown);
	message ??= guarded(() => clip(stringify(value)), undefined) ?? typeof thrown;
	const record = { __proto__: null, name: (isObject && textIn(thrown, "name")) || "NonError", message, stack: `Thrown: ${message}`, value };
	const stack = isObject ? textIn(thrown, "stack") : undefined;
	if (stack) record.stack = stack;
	return record;
};
