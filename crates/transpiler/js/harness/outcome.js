// The one record, and the ways in which a run can end.
let phase = "load";
let outcome;
let started = hrtime();
let loadMs;
let exiting = false;

/**
 * A lone half of a surrogate pair, which JSON.stringify writes as an escape, is not text that other languages can read.
 */
const wellFormed = (json) => {
	if (!includes(json, "\\ud")) return json;
	let text = "";
	let copied = 0;
	for (let at = indexOf(json, "\\"); at >= 0; ) {
		// Of all code units from U+D000 JSON.stringify escapes only those.
		const half = startsWith(json, "ud", at + 1);
		if (half) {
			text += `${slice(json, copied, at)}\ufffd`;
			copied = at + 6;
		}
		at = indexOf(json, "\\", at + (half ? 6 : 2));
	}
	return text + slice(json, copied);
};

/** Decides the outcome; the first one stands. */
const settle = (code, json, more) => {
	if (outcome) return;
	const ran = millisSince(started);
	const meta = { __proto__: null, code, loadMs: loadMs ?? ran, runMs: loadMs === undefined ? 0 : ran, ...more };
	outcome = { meta, json };
};

/** What is to be warned of whatever the outcome. */
const notices = list();
/** A list of warnings that begins with what is to be said in any case. */
const newWarnings = () => {
	const warnings = list();
	for (let index = 0; index < notices.length; index++) append(warnings, notices[index]);
	return warnings;
};

/** Decides on an error of which name, message and stack are known. */
const settleError = (code, record, more) =>
	settle(code, wellFormed(stringify({ __proto__: null, __error: true, code, ...record })), { warnings: newWarnings(), ...more });

const settleThrown = (thrown) => {
	if (outcome) return;
	addHint(thrown);
	const code = phase === "load" ? "load_failed" : "thrown";
	const warnings = newWarnings();
	const json = guarded(() => rare().thrownJson(code, thrown, warnings), undefined);
	if (json === undefined) settleError(code, { name: "Error", message: "something was thrown that cannot be described" });
	else settle(code, json, { warnings });
};

/** Decides on a value. */
const settleValue = (value) => {
	const warnings = newWarnings();
	const json = guarded(() => toJsonText(value, warnings), tooLarge);
	const size = json === tooLarge ? `more than ${maxLength()}` : byteLength(json);
	if (json === tooLarge || size > resultLimit) {
		const message = `The result is ${size} bytes of JSON, the limit is ${resultLimit} bytes.`;
		settleError("result_too_large", { name: "ResultTooLarge", message, stack: message });
	} else {
		settle("ok", json, { warnings });
	}
};

/** Tells of an error that came after the outcome was decided, which stays as it is. */
const tellStray = (what, thrown) => {
	const record = guarded(() => rare().describe(thrown), undefined);
	if (!record) return;
	print(2, `${what} after the outcome was decided: ${record.stack}\n`);
	const { code, warnings } = outcome.meta;
	rare().notice(warnings, `${what} after the ${code === "ok" ? "function returned" : "outcome was decided"}: ${record.name}: ${record.message}`);
};

let written = false;
/** Writes the record, the last thing this process says. */
const writeOutcome = () => {
	if (written) return;
	written = true;
	checkChannel();
	flushStream(1);
	flushStream(2);
	const { meta, json } = outcome;
	if (meta.warnings.length === 0) delete meta.warnings;
	const record = `__RESULT__${json}__END_RESULT__`;
	if (framed) frames(`${stringify(meta)}\x1f${record}`);
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

/**
 * The signal that says that there was an outcome, but no way to write it. No exit code: user code that closed every
 * descriptor closed those of Node.js, too, and then an exit may wait for its threads for ever.
 */
const UNWRITTEN = 64;
const exitCode = () => (outcome.meta.code === "ok" ? 0 : 1);

/** Leaves at once, with the record written. */
const leave = (code) => {
	if (!outcome) processExit(code);
	writeOutcome();
	if (framed && gone) guarded(() => apply(kill, process, [process.pid, UNWRITTEN]));
	apply(realExit, process, [code]);
};

/** Leaves as `process.exit` does: what listens for "exit" still runs, and what it prints comes before the record. */
const finish = () => {
	exiting = true;
	try {
		apply(softExit, process, [exitCode()]);
	} catch (error) {
		tellStray("An uncaught error", error);
	}
	// Nobody gets here unless a listener threw, or process.reallyExit is the user's.
	leave(exitCode());
};

let draining = false;
/**
 * Leaves once it is known which rejections have no handler: what was queued in the turn of the event loop in which
 * the function settled still runs, as Node.js runs it before it looks at rejections; timers and I/O do not.
 */
const drain = () => {
	draining = true;
	// Every throw ends one callback; the rest of the queue is still to be run.
	for (let throws = 0; throws < 100; throws++) {
		try {
			runTicks();
			break;
		} catch (error) {
			tellStray("An uncaught error", error);
		}
	}
	finish();
};

process.reallyExit = function reallyExit(code) {
	leave(outcome && !exiting ? exitCode() : code | 0);
};
process.exit = function exit() {
	exiting = true;
	apply(softExit, process, arguments);
};

/** Whether the user listens for an error that nobody caught. */
const listens = (name) => apply(listenerCount, process, [name]) > 0;
const isHandled = (name) => listens(name) || (name !== "uncaughtException" && listens("uncaughtException")) || apply(hasUncaughtExceptionCaptureCallback, process, []);

/** What becomes of an error that nobody caught; whether that settles the matter. */
const end = (what, thrown) => {
	if (outcome) {
		tellStray(what, thrown);
		// Going on with the event loop would run timers.
		if (!draining && !exiting) drain();
	} else {
		settleThrown(thrown);
		finish();
	}
	return true;
};

/** Ends a module that waits for nothing, unless a listener may still add something: Node.js would print a warning. */
const endLoading = (listened) => {
	if (listened || phase !== "load" || outcome) return;
	neverSettled();
	finish();
};

process.emit = function (name, thrown) {
	if (name === "beforeExit" && this === process) {
		const listened = apply(emit, this, arguments);
		endLoading(listened);
		return listened;
	}
	const uncaught = name === "uncaughtException" || name === "uncaughtExceptionMonitor";
	if (this !== process || !(uncaught || name === "unhandledRejection" || name === "exit")) return apply(emit, this, arguments);
	if (name === "uncaughtException" && !isHandled(name)) return end("An uncaught error", thrown);
	if (name === "unhandledRejection" && !isHandled(name)) return end("An unhandled rejection", thrown);
	if (name !== "exit") watchLoading();
	let answer;
	try {
		answer = apply(emit, this, arguments);
	} catch (error) {
		if (!uncaught && (name !== "exit" || exiting)) throw error;
		// Node.js would be gone without a word.
		end("An uncaught error", error);
	}
	if (name === "exit" && !exiting) {
		// Nobody called process.exit: there is nothing left to do.
		if (!outcome) neverSettled();
		leave(exitCode());
	}
	return answer;
};
