// What Node.js adds to the message when a name is missing that only modules of the older kind have. It does so itself
// while a module loads; the same name is missing when a function runs.
const OLD_NAMES = ["require", "module", "exports", "__filename", "__dirname"];
const addHint = (thrown) =>
	guarded(() => {
		if (!isObject(thrown) || thrown.name !== "ReferenceError") return;
		const { message } = thrown;
		for (let index = 0; index < OLD_NAMES.length; index++) {
			if (message !== `${OLD_NAMES[index]} is not defined`) continue;
			const hint = index === 0 ? ", you can use import instead" : "";
			const value = `${message} in ES module scope${hint}`;
			defineProperty(thrown, "message", { __proto__: null, value, writable: true, configurable: true });
		}
	});
