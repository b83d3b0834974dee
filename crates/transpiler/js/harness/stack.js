// Stack traces that name the user's own file, line and column.
//
// `Error.prepareStackTrace` runs when a stack is first looked at, so a program that throws nothing pays nothing; the
// positions stand in a comment inside a function that is never called, which V8 skips without making a string of it.
// Node's own support for source maps has to be switched on before the file is loaded, and decodes the whole map whether
// or not anything throws.
let lines;
/** Decodes the positions: for every generated line a list of column, source line, source column, and so on. */
const decodePositions = () => {
	const source = sourceOf(config.positions);
	let line = list();
	lines = list();
	append(lines, line);
	let column = 0;
	let sourceLine = 0;
	let sourceColumn = 0;
	let field = 0;
	let value = 0;
	let shift = 0;
	for (let index = indexOf(source, "/*") + 2; index < source.length; index++) {
		const code = codeAt(source, index);
		if (code === 42) break;
		if (code === 59) {
			append(lines, (line = list()));
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
			if (field === 0) append(line, (column += delta));
			else if (field === 1) append(line, (sourceLine += delta));
			else append(line, (sourceColumn += delta));
			field++;
		}
	}
};

/**
 * Where the user wrote what stands at a line and column (from 1) of the script; nothing for what the user did not
 * write.
 */
const placeOf = (line, column) => {
	if (!lines) decodePositions();
	if (line < 2) return undefined;
	if (lines.length === 1 && lines[0].length === 0) return { file: config.url, line, column };
	const segments = lines[line - 2];
	if (!segments) return undefined;
	let low = 0;
	let high = segments.length / 3;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (segments[middle * 3] < column) low = middle + 1;
		else high = middle;
	}
	return low ? { file: config.file, line: segments[low * 3 - 2] + 1, column: segments[low * 3 - 1] + 1 } : undefined;
};

/** The end of the decimal number that begins at an index of a text; the index itself if there is none. */
const endOfNumber = (text, index) => {
	while (codeAt(text, index) > 47 && codeAt(text, index) < 58) index++;
	return index;
};

/** A text in which an anonymous default export has the name that it has in a module. */
const nameFor = (text) => {
	const generated = `${config.name}_default`;
	const at = typeof text === "string" ? indexOf(text, generated) : -1;
	return at < 0 ? text : `${slice(text, 0, at)}default${slice(text, at + generated.length)}`;
};

/** Whether something is Node.js's own way of running programs, which is not the user's business. */
const isInternal = (text) => includes(text, "node:internal/modules/") || includes(text, "node:internal/process/");

/** One frame of a trace with its places mapped; nothing if the frame is not the user's business. */
const mapFrame = (text) => {
	const { url } = config;
	let at = indexOf(text, url);
	if (at < 0) return includes(text, "workers:harness") || isInternal(text) ? undefined : text;
	let mapped = "";
	let copied = 0;
	for (; at >= 0; at = indexOf(text, url, at + 1)) {
		// A place is `<url>:<line>:<column>`.
		const line = at + url.length + 1;
		const lineEnd = endOfNumber(text, line);
		const end = endOfNumber(text, lineEnd + 1);
		if (text[line - 1] !== ":" || lineEnd === line || text[lineEnd] !== ":" || end === lineEnd + 1) continue;
		const place = placeOf(+slice(text, line, lineEnd), +slice(text, lineEnd + 1, end));
		if (!place) return undefined;
		mapped += `${slice(text, copied, at)}${place.file}:${place.line}:${place.column}`;
		copied = end;
	}
	mapped += slice(text, copied);
	return nameFor(mapped);
};
