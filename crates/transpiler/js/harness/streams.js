// `process.stdout` and `process.stderr`: real writable streams, made when first looked at, whose writes block.
const decoders = [];
/** Ends partial characters at the end of everything that was printed. */
const flushStreams = () => {
	for (const fd of [1, 2]) if (decoders[fd]) print(fd, decoders[fd].end());
};

const makeStream = (fd) => {
	const { Writable } = builtin("stream");
	const streamWrite = Writable.prototype.write;
	const put = (chunk, encoding) => {
		const decoder = decoders[fd];
		if (typeof chunk !== "string") {
			const { StringDecoder } = decoder ? decoder : { StringDecoder: builtin("string_decoder").StringDecoder };
			const target = decoder ?? (decoders[fd] = new StringDecoder("utf8"));
			print(fd, target.write(chunk));
		} else if (encoding && encoding !== "utf8" && encoding !== "utf-8" && encoding !== "buffer") {
			put(bytesOf(chunk, encoding));
		} else {
			print(fd, decoder ? decoder.end() + chunk : chunk);
		}
	};
	const stream = new Writable({
		decodeStrings: false,
		write(chunk, encoding, callback) {
			put(chunk, encoding);
			callback();
		},
		// As with Node's own: ending it does not close the descriptor.
		destroy(error, callback) {
			callback(error);
		},
	});
	// The short way, for a string or bytes on an open stream: nothing is queued, so there is nothing to account for.
	defineProperty(stream, "write", {
		configurable: true,
		writable: true,
		value(chunk, encoding, callback) {
			if (typeof encoding === "function") {
				callback = encoding;
				encoding = undefined;
			}
			const simple = typeof chunk === "string" ? encoding == null || Buffer.isEncoding(encoding) : chunk instanceof Uint8Array;
			if (!simple || stream.writableEnded || stream.destroyed || stream.writableCorked > 0 || stream.writableLength > 0) {
				return streamWrite.call(stream, chunk, encoding, callback);
			}
			put(chunk, encoding);
			if (typeof callback === "function") process.nextTick(callback);
			return true;
		},
	});
	stream.fd = fd;
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
