// Stack traces that name the user's own file, line and column.
//
// `Error.prepareStackTrace` runs when a stack is first looked at, so a program that throws nothing pays nothing; the positions
// stand in a comment inside a function that is never called, which V8 skips without making a string of it. Node's own support for
// source maps has to be switched on before the file is loaded, and decodes the whole map whether or not anything throws.
let lines;
/** Decodes the positions: for every generated line a list of column, source line, source column, and so on. */
const decodePositions = () => {
	const source = sourceOf(config.positions);
	lines = [[]];
	let line = lines[0];
	let column = 0;
	let sourceLine = 0;
	let sourceColumn = 0;
	let field = 0;
	let value = 0;
	let shift = 0;
	for (let index = source.indexOf("/*") + 2; index < source.length; index++) {
		const code = codeAt(source, index);
		if (code === 42) break;
		if (code === 59) {
			lines.push((line = []));
			column = 0;
			field = 0;
		} else if (code === 44) {
			field = 0;
		} else {
			const digit = code > 96 ? code - 71 : code > 64 ? code - 65 : code > 47 ? code + 4 : code === 43 ? 62 : 63;
			value |= (digit & 31) << shift;
			shift += 5;
			if (digit & 32) continue;
			const delta = value & 1 ? -(value >>> 1) : value >>> 1;
			value = shift = 0;
			if (field === 0) line.push((column += delta));
			else if (field === 1) line.push((sourceLine += delta));
			else line.push((sourceColumn += delta));
			field++;
		}
	}
};

/** Where the user wrote what stands at a line and column (from 1) of the script; nothing for what the user did not write. */
const originOf = (line, column) => {
	if (!lines) decodePositions();
	if (line < 2) return undefined;
	if (lines.length === 1 && lines[0].length === 0) return `${config.url}:${line}:${column}`;
	const segments = lines[line - 2];
	if (!segments) return undefined;
	let low = 0;
	let high = segments.length / 3;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (segments[middle * 3] < column) low = middle + 1;
		else high = middle;
	}
	return low ? `${config.file}:${segments[low * 3 - 2] + 1}:${segments[low * 3 - 1] + 1}` : undefined;
};

const PLACE = /(?:\(|^|[ ,])([^ (),]+\.m?js[^ (),]*):(\d+):(\d+)/g;
/** One frame of a trace with its places mapped; nothing if the frame is not the user's business. */
const mapFrame = (text) => {
	if (!includes(text, config.url)) return includes(text, "node:internal/modules/") || includes(text, "node:internal/process/") ? undefined : text;
	let ours = false;
	const mapped = replaceAll(PLACE, text, (match, file, line, column) => {
		if (file !== config.url) return match;
		const origin = originOf(+line, +column);
		if (!origin) ours = true;
		return origin ? match.replace(`${file}:${line}:${column}`, origin) : match;
	});
	return ours ? undefined : mapped.replace(`${config.name}_default`, "default");
};

Error.prepareStackTrace = (error, frames) => {
	let text = guarded(() => errorToString(error), "Error");
	for (const frame of frames) {
		const mapped = guarded(() => mapFrame(`${frame}`), undefined);
		if (mapped) text += `\n    at ${mapped}`;
	}
	return text;
};
