// What Node.js and the user's code learn of stack traces: `error.stack`, the user's own `Error.prepareStackTrace`, and
// `util.getCallSites`. All name the user's file, lines and columns, and leave out what is not the user's.
/** The text of a stack, as Node.js writes it. */
const { ErrorPrepareStackTrace } = {
	ErrorPrepareStackTrace(error, frames) {
		let text = guarded(() => errorToString(error), "Error");
		for (let index = 0; index < frames.length; index++) {
			const mapped = guarded(() => mapFrame(`${frames[index]}`), undefined);
			if (mapped) text += `\n    at ${mapped}`;
		}
		return text;
	},
};

/** A call site of V8, behind the one that the user sees. V8's own cannot be changed. */
const behind = new WeakMap();
/** Calls a method of the call site behind. */
const ask = (site, name) => {
	const raw = weakGet(behind, site) ?? site;
	return apply(getPrototypeOf(raw)[name], raw, []);
};
/** Where the user wrote what stands at a place of the script that two methods tell; nothing for other files. */
const placeBy = (site, line, column) =>
	ask(site, "getScriptNameOrSourceURL") === config.url ? placeOf(ask(site, line), ask(site, column)) : undefined;
const placeIn = (site) => placeBy(site, "getLineNumber", "getColumnNumber");
const enclosingPlaceIn = (site) => placeBy(site, "getEnclosingLineNumber", "getEnclosingColumnNumber");
/** The methods that answer otherwise than V8's. */
const siteMethods = {
	__proto__: null,
	getFileName() {
		return placeIn(this)?.file ?? ask(this, "getFileName");
	},
	getScriptNameOrSourceURL() {
		return placeIn(this)?.file ?? ask(this, "getScriptNameOrSourceURL");
	},
	getLineNumber() {
		return placeIn(this)?.line ?? ask(this, "getLineNumber");
	},
	getColumnNumber() {
		return placeIn(this)?.column ?? ask(this, "getColumnNumber");
	},
	getEnclosingLineNumber() {
		return enclosingPlaceIn(this)?.line ?? ask(this, "getEnclosingLineNumber");
	},
	getEnclosingColumnNumber() {
		return enclosingPlaceIn(this)?.column ?? ask(this, "getEnclosingColumnNumber");
	},
	getFunctionName() {
		return nameFor(ask(this, "getFunctionName"));
	},
	getEvalOrigin() {
		const origin = ask(this, "getEvalOrigin");
		return typeof origin === "string" ? mapFrame(origin) ?? origin : origin;
	},
	toString() {
		const text = ask(this, "toString");
		return mapFrame(text) ?? text;
	},
};

let sitePrototype;
/** Makes the prototype of the call sites that the user sees: all the methods that V8's have. */
const makeSitePrototype = (raw) => {
	const real = getPrototypeOf(raw);
	sitePrototype = create(real);
	const names = getOwnPropertyNames(real);
	for (let index = 0; index < names.length; index++) {
		const name = names[index];
		if (name === "constructor") continue;
		const method = siteMethods[name] ?? { [name]() { return ask(this, name); } }[name];
		defineProperty(sitePrototype, name, { __proto__: null, value: method, writable: true, configurable: true });
	}
};
/** The call sites that are the user's business, as the user is to see them. */
const sitesFor = (frames) => {
	const sites = list();
	for (let index = 0; index < frames.length; index++) {
		const raw = frames[index];
		if (mapFrame(`${raw}`) === undefined) continue;
		if (!sitePrototype) makeSitePrototype(raw);
		const site = create(sitePrototype);
		weakSet(behind, site, raw);
		append(sites, site);
	}
	return setPrototypeOf(sites, arrayPrototype);
};

/** What the user has put in the place of `Error.prepareStackTrace`. */
let prepare = ErrorPrepareStackTrace;
let probing = false;
let isAsked = false;
/**
 * Whether a stack is being written just now. Then it is Node.js that looks for the function, and V8 writes every other
 * stack without asking for one. At any other time it is the user who looks.
 */
const isWriting = () => {
	probing = true;
	isAsked = false;
	guarded(() => {
		const probe = {};
		captureStackTrace(probe);
		return probe.stack;
	});
	probing = false;
	return !isAsked;
};
const forUser = function (error, frames) {
	return apply(prepare, this, [error, sitesFor(frames)]);
};
defineProperty(Error, "prepareStackTrace", {
	__proto__: null,
	configurable: true,
	get() {
		if (probing) isAsked = true;
		if (probing || prepare === ErrorPrepareStackTrace) return ErrorPrepareStackTrace;
		if (!isWriting()) return prepare;
		return typeof prepare === "function" ? forUser : ErrorPrepareStackTrace;
	},
	set(value) {
		prepare = value;
	},
});

const util = builtin("util");
const { getCallSites: readCallSites } = util;
/** Changes what `util.getCallSites` tells of a frame; whether it is the user's business. */
const correctSite = (site, ours) => {
	const { scriptName } = site;
	if (site.scriptId === ours || isInternal(scriptName)) return false;
	if (scriptName !== config.url) return true;
	const place = placeOf(site.lineNumber, site.columnNumber);
	if (!place) return false;
	site.scriptName = place.file;
	site.lineNumber = place.line;
	site.columnNumber = place.column;
	if (hasOwn(site, "column")) site.column = place.column;
	site.functionName = nameFor(site.functionName);
	return true;
};
const { getCallSites } = {
	getCallSites(frameCount, options) {
		// Throws what has to be thrown.
		const asked = apply(readCallSites, util, arguments);
		const count = typeof frameCount === "number" ? frameCount : asked.length <= 8 ? 8 : 10;
		const frames = readCallSites(200);
		const sites = list();
		for (let index = 1; index < frames.length && sites.length < count; index++) {
			if (correctSite(frames[index], frames[0].scriptId)) append(sites, frames[index]);
		}
		return setPrototypeOf(sites, arrayPrototype);
	},
};
if (readCallSites) util.getCallSites = getCallSites;
