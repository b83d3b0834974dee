// Writing: everything goes to file descriptor 1 (or 2, by hand) and has arrived in the pipe when the call returns.
const env = process.env;
const token = env.WORKERS_FRAME;
const framed = typeof token === "string" && token !== "";
const resultLimit = +env.WORKERS_RESULT_LIMIT || Infinity;
for (const name of keys(env)) if (startsWith(name, "WORKERS_")) delete env[name];

/**
 * Where frames go: the pipe of standard output through a descriptor of our own, because user code may close descriptor 1 or open a
 * file in its place. Where the system does not let us have one, descriptor 1 has to do.
 */
const openPrivately = () => {
	const path = "/proc/self/fd/1";
	return startsWith(fs.readlinkSync(path), "pipe:") ? fs.openSync(path, fs.constants.O_WRONLY) : 1;
};
let channel = framed ? guarded(openPrivately, 1) : 1;

let sleeper;
/** Nobody can read what is printed. */
let gone = false;
/** Writes all of `text`. A full pipe is waited for; a reader that went away is nobody's mistake. */
const writeAll = (fd, text) => {
	if (gone) return;
	const bytes = encodeUtf8(encoder, text);
	const length = byteLength(bytes);
	let done = 0;
	while (done < length) {
		try {
			done += writeSync(fd, bytes, done, length - done);
		} catch (error) {
			if (error.code === "EAGAIN") {
				sleeper ??= new Int32Array(new SharedArrayBuffer(4));
				wait(sleeper, 0, 0, 1);
			} else if (error.code === "EBADF" && fd === channel && fd !== 1) {
				fd = channel = 1;
			} else if (error.code !== "EINTR") {
				gone = true;
				return;
			}
		}
	}
};

/** One frame of PROTOCOL.md. */
const frame = (kind, body) => writeAll(channel, `\x1e${token}${kind}${body}\n`);

const CHUNK = 32768;
let midLine = false;
/** Prints text as standard output (1) or standard error (2). */
const print = (fd, text) => {
	if (text === "") return;
	if (!framed) {
		if (fd === 1) midLine = codeAt(text, text.length - 1) !== 10;
		writeAll(fd, text);
		return;
	}
	const kind = fd === 1 ? "O" : "E";
	const time = now();
	for (let start = 0; start < text.length; ) {
		let end = start + CHUNK;
		// A character beyond U+FFFF is two units and stays whole.
		if (end < text.length && (codeAt(text, end - 1) & 0xfc00) === 0xd800) end--;
		const piece = start === 0 && end >= text.length ? text : slice(text, start, end);
		frame(kind, `${time}:${stringify(toWellFormed(piece))}`);
		start = end;
	}
};
