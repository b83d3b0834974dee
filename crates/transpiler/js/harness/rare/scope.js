// What the harness does seldom: values that are not plain, and errors. It is a program of its own, whose text is
// evaluated when it is first needed. It keeps to the same rules as the rest.
const {
	Error, Map, append, apply, base64, byteLength, bytesOf, classOf, codeAt, create, dateToJson, defineProperty,
	getPrototypeOf, guarded, hasOwn, instanceOf, isAnyArrayBuffer, isArray, isDate, isFinite, isMap,
	isNativeError, isPromise, isProxy, isSet, isUtf8, isView, isoOf, join, keys, list, mapDelete, mapEntries,
	mapGet, mapSet, nextInMap, nextInSet, objectPrototype, parseJson, setPrototypeOf, setValues, slice, stringify, timeOf,
	toWellFormed, tooLarge,
} = scope;
