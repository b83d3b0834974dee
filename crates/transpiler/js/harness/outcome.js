// The one record, and the ways in which a run can end.
let phase = "load";
let outcome;
let started = hrtime();
let loadMs;
let exiting = false;

/** A lone half of a surrogate pair, which JSON.stringify writes as an escape, is not text that other languages can read. */
const wellFormed = (json) => (includes(json, "\\ud") ? replaceAll(/\\(u[89a-f][\da-f]{3}|[^])/g, json, (all, rest) => (/^ud[89a-f]/.test(rest) ? "\ufffd" : all)) : json);

/** Decides the outcome; the first one stands. */
const settle = (code, json, more) => {
	if (outcome) return;
	const ran = millisSince(started);
	const meta = { code, loadMs: loadMs ?? ran, runMs: loadMs === undefined ? 0 : ran, ...more };
	outcome = { meta, json };
};

/** Decides on an error. */
const settleError = (code, record, more) => settle(code, wellFormed(stringify({ __error: true, code, ...record })), more);

const settleThrown = (thrown) => {
	const record = guarded(() => describeThrown(thrown), { name: "Error", message: "something was thrown that cannot be described" });
	settleError(phase === "load" ? "load_failed" : "thrown", record);
};

/** Decides on a value. */
const settleValue = (value) => {
	const warnings = [];
	let json;
	if (guarded(() => isPlain(value, 0), false)) json = guarded(() => stringify(value), undefined);
	// What fails then is too long for a string.
	json ??= guarded(() => stringify(encode(value, warnings).value) ?? "null", tooLarge);
	const size = json === tooLarge ? `more than ${MAX_LENGTH}` : byteLength((json = wellFormed(json)));
	if (json === tooLarge || size > resultLimit) {
		const message = `The result is ${size} bytes of JSON, the limit is ${resultLimit} bytes.`;
		settleError("result_too_large", { name: "ResultTooLarge", message, stack: message });
	} else {
		settle("ok", json, warnings.length ? { warnings } : undefined);
	}
};

let written = false;
/** Writes the record, the last thing this process says. */
const writeOutcome = () => {
	if (written) return;
	written = true;
	flushStreams();
	const record = `__RESULT__${outcome.json}__END_RESULT__`;
	if (framed) frame("R", `${stringify(outcome.meta)}\x1f${record}`);
	else writeAll(1, `${midLine ? "\n" : ""}${record}\n`);
};

const neverSettled = () => {
	const what = phase === "load" ? "The module never finished loading" : "The function never settled";
	const message = `${what}: nothing is left that could make its promise settle.`;
	settleError("never_settled", { name: "NeverSettled", message, stack: message });
};

const processExit = (code) => {
	const message = `process.exit(${code}) was called before the function settled.`;
	settleError("process_exit", { name: "ProcessExit", message, stack: message }, { exitCode: code });
};

/** Leaves at once, with the record written. */
const leave = (code) => {
	if (!outcome) processExit(code);
	writeOutcome();
	realExit.call(process, code);
};

/** Leaves as `process.exit` does: what listens for "exit" still runs, and what it prints comes before the record. */
const finish = () => {
	exiting = true;
	softExit.call(process, outcome.meta.code === "ok" ? 0 : 1);
};

process.reallyExit = function reallyExit(code) {
	leave(outcome && !exiting ? (outcome.meta.code === "ok" ? 0 : 1) : code | 0);
};
process.exit = function exit(...code) {
	exiting = true;
	softExit.call(process, ...code);
};

/** Whether the user listens for an error that nobody caught. */
const isHandled = (name) => process.listenerCount(name) > 0 || process.hasUncaughtExceptionCaptureCallback();

process.emit = function (name, ...args) {
	if (name === "uncaughtException" && !isHandled(name)) {
		settleThrown(args[0]);
		finish();
	}
	if (name === "unhandledRejection" && process.listenerCount(name) === 0 && !isHandled("uncaughtException")) {
		settleThrown(args[0]);
		finish();
	}
	const answer = emit.call(this, name, ...args);
	if (name === "exit" && !exiting && this === process) {
		// Nobody called process.exit: there is nothing left to do.
		if (!outcome) neverSettled();
		leave(outcome.meta.code === "ok" ? 0 : 1);
	}
	return answer;
};
