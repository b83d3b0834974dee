// Writing: everything goes to file descriptor 1 (or 2, by hand) and has arrived in the pipe when the call returns.
let token;
let framed;
let resultLimit;
/** Takes over what the platform says of this call. */
const readVariables = (variables) => {
	token = variables.WORKERS_FRAME;
	framed = typeof token === "string" && token !== "";
	resultLimit = +variables.WORKERS_RESULT_LIMIT || Infinity;
};
const env = process.env;
readVariables(env);
for (const name of keys(env)) if (startsWith(name, "WORKERS_")) delete env[name];

/**
 * Where frames go: the pipe of standard output through a descriptor of our own, because user code may close descriptor
 * 1 or open a file in its place. Where the system does not let us have one, descriptor 1 has to do.
 */
const { readlinkSync } = fs;
/** What a descriptor is open for, as the system names it. */
const targetOf = (fd) => readlinkSync(`/proc/self/fd/${fd}`);
let pipe;
const openPrivately = () => {
	const target = targetOf(1);
	if (!startsWith(target, "pipe:")) return 1;
	const fd = fs.openSync("/proc/self/fd/1", fs.constants.O_WRONLY);
	pipe = target;
	return fd;
};
let channel = framed ? guarded(openPrivately, 1) : 1;

let sleeper;
/** Nobody can read what is printed. */
let gone = false;
/** User code that closed every descriptor may have opened files in their place, which frames must not get into. */
const checkChannel = () => {
	const isOurs = (fd) => guarded(() => targetOf(fd) === pipe, false);
	if (pipe === undefined || isOurs(channel)) return;
	channel = 1;
	gone = !isOurs(1);
};
/** Writes all of `text`. */
const writeAll = (fd, text) => {
	const bytes = encodeUtf8(encoder, text);
	writeBytesOf(fd, bytes, byteLength(bytes));
};

/** Writes the first `length` of `bytes`. Waits while the pipe is full; a reader that went away is no mistake. */
const writeBytesOf = (fd, bytes, length) => {
	if (gone) return;
	let done = 0;
	while (done < length) {
		try {
			done += writeSync(fd, bytes, done, length - done);
		} catch (error) {
			if (error.code === "EAGAIN") {
				sleeper ??= new Int32Array(new SharedArrayBuffer(4));
				wait(sleeper, 0, 0, 1);
			} else if (error.code === "EBADF" && fd === channel && fd !== 1) {
				checkChannel();
				if (gone) return;
				fd = channel;
			} else if (error.code !== "EINTR") {
				gone = true;
				return;
			}
		}
	}
};

/** The longest frame: what a pipe takes in one piece (PIPE_BUF) even while a child process writes to it, too. */
const FRAME = 4096;

/** One short frame of PROTOCOL.md. */
const frame = (kind, body) => writeAll(channel, `\x1e${token}${kind}${body}\n`);

/** A long body in as many frames as it takes: `r`, and `R` the last. */
const frames = (body) => {
	const bytes = encodeUtf8(encoder, body);
	const length = byteLength(bytes);
	const buffer = new Uint8Array(FRAME);
	const start = token.length + 2;
	const room = FRAME - start - 1;
	copyBytes(buffer, encodeUtf8(encoder, `\x1e${token}r`));
	let size;
	for (let at = 0; at < length; at += size) {
		size = length - at > room ? room : length - at;
		// A character is not split.
		while (at + size < length && (bytes[at + size] & 0xc0) === 0x80) size--;
		if (at + size === length) buffer[start - 1] = 82;
		copyBytes(buffer, partOf(bytes, at, at + size), start);
		buffer[start + size] = 10;
		writeBytesOf(channel, buffer, start + size + 1);
	}
};

/**
 * What a frame has besides the text of a chunk: separator, token, kind, time, colon, quotes, line end, and some room.
 */
const FRAME_HEAD = 96;
/** So many UTF-16 units fit into a frame whatever they are: one makes six bytes at most. */
const SURE = (FRAME - FRAME_HEAD) / 6 | 0;
let midLine = false;
/** What the module printed while it was loaded ahead of calls: see `begin`. */
let recorded = park && list();
/** Prints text as standard output (1) or standard error (2). */
const print = (fd, text) => {
	if (text === "") return;
	if (recorded) {
		append(recorded, { __proto__: null, fd, text });
		return;
	}
	if (!framed) {
		if (fd === 1) midLine = codeAt(text, text.length - 1) !== 10;
		writeAll(fd, text);
		return;
	}
	const kind = fd === 1 ? "O" : "E";
	const time = now();
	let size = text.length <= SURE ? SURE : FRAME - FRAME_HEAD;
	for (let start = 0; start < text.length; ) {
		let end = start + size;
		// A character beyond U+FFFF is two units and stays whole.
		if (end < text.length && (codeAt(text, end - 1) & 0xfc00) === 0xd800) end--;
		const piece = start === 0 && end >= text.length ? text : slice(text, start, end);
		const json = stringify(toWellFormed(piece));
		if (size > SURE && byteLength(json) > FRAME - FRAME_HEAD) {
			size = size > 2 * SURE ? size >> 1 : SURE;
			continue;
		}
		frame(kind, `${time}:${json}`);
		start = end;
	}
};
