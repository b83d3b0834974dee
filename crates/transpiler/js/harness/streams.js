// `process.stdout` and `process.stderr`: real writable streams, made when first looked at, whose writes block.
const decoders = { __proto__: null };
/** Ends a partial character at the end of everything that was printed. */
const flushStream = (fd) => guarded(() => decoders[fd] && print(fd, decoders[fd].end()));

const makeStream = (fd) => {
	const { Writable } = builtin("stream");
	const streamWrite = Writable.prototype.write;
	const put = (chunk, encoding) => {
		const decoder = decoders[fd];
		if (typeof chunk !== "string") {
			const target = decoder ?? (decoders[fd] = new (builtin("string_decoder").StringDecoder)("utf8"));
			print(fd, target.write(chunk));
		} else if (encoding && encoding !== "utf8" && encoding !== "utf-8" && encoding !== "buffer") {
			put(bytesOf(chunk, encoding));
		} else {
			print(fd, decoder ? decoder.end() + chunk : chunk);
		}
	};
	const stream = new Writable({
		__proto__: null,
		autoDestroy: false,
		decodeStrings: false,
		emitClose: false,
		write(chunk, encoding, callback) {
			put(chunk, encoding);
			callback();
		},
		// As with Node's own: destroying it changes nothing.
		destroy(error, callback) {
			callback(error);
			stream._undestroy();
			nextTick(() => stream.emit("close"));
		},
	});
	// The short way, for a string or bytes on an open stream: nothing is queued, so there is nothing to account for.
	defineProperty(stream, "write", {
		__proto__: null,
		configurable: true,
		writable: true,
		value(chunk, encoding, callback) {
			if (typeof encoding === "function") {
				callback = encoding;
				encoding = undefined;
			}
			const simple = typeof chunk === "string" ? encoding == null || isEncoding(encoding) : isView(chunk);
			if (!simple || stream.writableEnded || stream.destroyed || stream.writableCorked > 0 || stream.writableLength > 0) {
				return apply(streamWrite, stream, [chunk, encoding, callback]);
			}
			put(chunk, encoding);
			if (typeof callback === "function") nextTick(callback);
			return true;
		},
	});
	stream.fd = fd;
	// Programs reach for it to make the stream block, which it does; and closing it changes nothing.
	stream._handle = { fd, setBlocking: () => 0, close() {}, ref() {}, unref() {}, hasRef: () => false };
	stream._type = "pipe";
	stream._isStdio = true;
	stream.destroySoon = stream.destroy;
	return stream;
};

for (const [name, fd] of [
	["stdout", 1],
	["stderr", 2],
]) {
	let stream;
	defineProperty(process, name, {
		configurable: true,
		enumerable: true,
		get: () => (stream ??= makeStream(fd)),
		set: (value) => {
			stream = value;
		},
	});
}
