// The run: load the user's module, call the function, leave.
const [, , functionName, payloadText] = process.argv;
process.argv.length = 2;

/** The payload; what cannot be read is `{}`. */
const readPayload = () => {
	if (payloadText === undefined) return {};
	return guarded(() => parseJson(payloadText[0] === "@" ? readFileSync(slice(payloadText, 1), "utf8") : payloadText), {});
};

// In an array, because an export may be called `then`.
const call = async ([functions]) => {
	loadMs = millisSince(started);
	phase = "run";
	const payload = readPayload();
	started = hrtime();
	const target = functionName === undefined ? undefined : functions[functionName];
	if (!target) {
		const names = join(keys(functions), ", ");
		const message = functionName === undefined ? `Usage: node worker.mjs <function> [<payload>], with one of: ${names}` : `There is no function "${functionName}", only: ${names}`;
		return settleError("thrown", { name: "TypeError", message, stack: message });
	}
	const run = target();
	if (typeof run !== "function") {
		const message = `The export "${functionName}" is not a function but ${run === null ? "null" : `of type ${typeof run}`}.`;
		return settleError("thrown", { name: "TypeError", message, stack: message });
	}
	let value = await run(payload);
	if (typeof value === "object" && value !== null && guarded(() => classOf(value) === "[object Response]" && typeof value.arrayBuffer === "function", false)) value = await readResponse(value);
	settleValue(value);
};

const fail = (thrown) => {
	settleThrown(thrown);
	finish();
};

if (framed) frame("S", "");

return {
	load,
	/** An anonymous default export is called `default`. */
	rename: (target) => defineProperty(target, "name", { value: "default", configurable: true }),
	/** Goes on once the user's module has loaded, which `loading` promises. */
	run: (loading) => {
		then(loading, (functions) => then(call(functions), finish, fail), fail);
	},
};
