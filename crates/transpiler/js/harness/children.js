// Child processes: one that runs this script again has to know that it was not invoked, and the error of a missing
// shell has to say what to do.
//
// Both are done where Node.js hands a process to the system, because the environment that the user passes is not to be
// changed. What is handed over is one object, or the file, the arguments, the directory and the environment.
/** The name of the script's file. */
const scriptName = guarded(() => decodeURIComponent(slice(config.url, config.url.lastIndexOf("/") + 1)), "");
const NOT_FOUND = -2;
const SHELL_HINT =
	": a worker runs where there may be no shell; start the program itself, with spawn, execFile or execFileSync and " +
	"without the option `shell`, as in execFile(process.execPath, [file])";

/** A property like one that was assigned. */
const plain = (value) => ({ __proto__: null, value, writable: true, enumerable: true, configurable: true });
/** Appends to an array whatever its prototype has become. */
const put = (array, item) => defineProperty(array, array.length, plain(item));
/** Marks the environment of a process that is started with the script's name among its arguments. */
const markChild = (args, pairs) => {
	if (!isArray(args) || !isArray(pairs) || scriptName === "") return;
	for (let index = 0; index < args.length; index++) {
		if (includes(`${args[index]}`, scriptName)) return put(pairs, `${MARK}=1`);
	}
};
const SHELL = "/bin/sh";
/**
 * Appends the hint to the message of the error that Node.js makes of a missing shell. It makes the same one of a
 * missing working directory.
 */
const explain = (error) => {
	if (!isObject(error) || error.code !== "ENOENT" || guarded(() => existsSync(SHELL), true)) return;
	const value = `${error.message}${SHELL_HINT}`;
	defineProperty(error, "message", { __proto__: null, value, writable: true, configurable: true });
};
const isShell = (file) => file === SHELL;

/** The error of a process that could not be started, which its ChildProcess emits once. */
const explainLater = (handle) => {
	const symbols = getOwnPropertySymbols(handle);
	for (let index = 0; index < symbols.length; index++) {
		const child = handle[symbols[index]];
		if (!isObject(child) || typeof child.emit !== "function") continue;
		defineProperty(child, "emit", {
			__proto__: null,
			configurable: true,
			value(name, error) {
				delete child.emit;
				if (name === "error") guarded(() => explain(error));
				return apply(child.emit, child, arguments);
			},
		});
	}
};
/** The same where the error is made at once, and put in the place of its number. */
const explainIn = (result) => {
	let error = result.error;
	defineProperty(result, "error", {
		__proto__: null,
		configurable: true,
		enumerable: true,
		get: () => error,
		set: (value) => {
			guarded(() => explain(value));
			error = value;
		},
	});
};

guarded(() => {
	const { prototype } = process.binding("process_wrap").Process;
	const { spawn } = prototype;
	prototype.spawn = function (options, args, directory, pairs) {
		const isOne = isObject(options);
		guarded(() => (isOne ? markChild(options.args, options.envPairs) : markChild(args, pairs)));
		const code = apply(spawn, this, arguments);
		if (code === NOT_FOUND) guarded(() => isShell(isOne ? options.file : options) && explainLater(this));
		return code;
	};
	const synchronous = process.binding("spawn_sync");
	const { spawn: spawnSync } = synchronous;
	synchronous.spawn = (options) => {
		guarded(() => markChild(options.args, options.envPairs));
		const result = spawnSync(options);
		guarded(() => result.error === NOT_FOUND && isShell(options.file) && explainIn(result));
		return result;
	};
});
