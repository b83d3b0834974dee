// `using` and `await using`: remembers resources and disposes of them in reverse order. A failure to dispose does not
// hide the error that was already under way.
() => {
	const resources = [];
	const none = {};
	let failure = none;
	const Suppressed =
		typeof SuppressedError === "function"
			? SuppressedError
			: class SuppressedError extends Error {
					constructor(error, suppressed, message) {
						super(message);
						this.error = error;
						this.suppressed = suppressed;
					}
				};
	const failed = (error) => {
		failure = failure === none ? error : new Suppressed(error, failure, "An error was suppressed during disposal.");
	};
	const add = (value, isAsync) => {
		if (value === null || value === undefined) {
			if (isAsync) resources.push({ isAsync });
			return value;
		}
		if (Object(value) !== value) throw new TypeError("Only objects, functions, null and undefined can be used with `using`.");
		let dispose = isAsync ? value[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")] : undefined;
		let isSync = false;
		if (dispose === undefined) {
			dispose = value[Symbol.dispose ?? Symbol.for("Symbol.dispose")];
			isSync = isAsync;
		}
		if (typeof dispose !== "function") throw new TypeError("The value has no method to dispose of it.");
		// A synchronous method under `await using` is not waited for.
		resources.push({ isAsync, run: () => (isSync ? void dispose.call(value) : dispose.call(value)) });
		return value;
	};
	return {
		set e(error) {
			failed(error);
		},
		u: (value) => add(value, false),
		a: (value) => add(value, true),
		d() {
			const next = () => {
				while (resources.length) {
					const { isAsync, run } = resources.pop();
					try {
						const answer = run?.();
						if (isAsync) return Promise.resolve(answer).then(next, (error) => (failed(error), next()));
					} catch (error) {
						failed(error);
					}
				}
				if (failure !== none) throw failure;
			};
			return next();
		},
	};
}
