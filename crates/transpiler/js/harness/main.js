// The run: load the user's module, call the function, leave.
let [, , functionName, payloadText] = process.argv;
process.argv.length = 2;

/** The payload; what cannot be read is `{}`, with a warning. */
const readPayload = () => {
	if (payloadText === undefined || payloadText === "") return {};
	try {
		return parseJson(payloadText[0] === "@" ? readFileSync(slice(payloadText, 1), "utf8") : payloadText);
	} catch (error) {
		rare().notice(notices, `the payload cannot be read, {} was passed in its place: ${error.message}`);
		return {};
	}
};

const fail = (thrown) => {
	settleThrown(thrown);
	finish();
};

/** The function to call; settles on an error if there is none. */
const functionIn = (functions) => {
	const refuse = (message) => settleError("thrown", { __proto__: null, name: "TypeError", message, stack: message });
	const target = functionName === undefined ? undefined : functions[functionName];
	if (!target) {
		const names = join(keys(functions), ", ");
		return refuse(functionName === undefined ? `Usage: node worker.mjs <function> [<payload>], with one of: ${names}` : `There is no function "${functionName}", only: ${names}`);
	}
	const run = target();
	if (typeof run === "function") return run;
	return refuse(`The export "${functionName}" is not a function but ${run === null ? "null" : `of type ${typeof run}`}.`);
};

/** In a process that was forked for a call: takes the call over, and prints what the module printed while it loaded. */
const begin = () => {
	const { script, variables, output } = park();
	functionName = script[1];
	payloadText = script[2];
	loadMs = 0;
	readVariables(variables);
	channel = output[0];
	pipe = `pipe:[${output[1]}]`;
	if (framed) frame("S", "");
	const printed = recorded;
	recorded = undefined;
	for (let index = 0; index < printed.length; index++) print(printed[index].fd, printed[index].text);
};

/** Calls the function and decides on what it returns. This never rejects, and nobody waits for it. */
const call = async (functions) => {
	// So that the module is done with loading.
	await undefined;
	try {
		if (park) begin();
		else loadMs = millisSince(started);
		phase = "run";
		const payload = readPayload();
		started = hrtime();
		const run = functionIn(functions);
		if (run) {
			let value = await run(payload);
			if (typeof value === "object" && value !== null && guarded(() => classOf(value) === "[object Response]" && typeof value.arrayBuffer === "function", false)) value = await rare().readResponse(value);
			settleValue(value);
		}
	} catch (thrown) {
		return fail(thrown);
	}
	nextTick(drain);
};

if (framed) frame("S", "");

let isWatching = false;
/** Learns whether the module itself failed to load, where the user's code listens for uncaught errors. */
const watchLoading = () => {
	if (isWatching || phase !== "load") return;
	isWatching = true;
	const loading = config.self();
	// Without this, `then` would ask Promise.prototype which class of promise to make.
	defineProperty(loading, "constructor", { __proto__: null, value: undefined });
	then(loading, () => {}, fail);
};

/**
 * Does what each call does, without effect, so often that V8 knows it well: a zygote does it here, before any of the
 * user's code runs, and none of the processes that are forked from it has to.
 */
const rehearse = () => {
	const kept = { recorded, payloadText, framed, token };
	recorded = undefined;
	gone = true;
	framed = true;
	token = "0";
	payloadText = '{"a":[1,"b",null,true]}';
	for (let round = 0; round < 30; round++) {
		print(1, "rehearsed\n");
		print(2, "rehearsed\n");
		settleValue({ a: 1.5, b: "c", ...readPayload() });
		writeOutcome();
		outcome = undefined;
		written = false;
	}
	gone = false;
	({ recorded, payloadText, framed, token } = kept);
};

if (park) {
	rehearse();
	// From here on only the user's code runs: what it looks at would be the same in all calls.
	park.watch();
	recorded.length = 0;
}

return { globals: globalThis, load, require: makeRequire, rename, run: call };
