// What is needed seldom, evaluated when it is: see `rare/`. A booted Node.js has it compiled.
let evaluated;
const rare = () => {
	evaluated ??= (ready?.["$RARE_ID$"] ?? evaluate("$RARE$"))({
		Error, Map, append, apply, base64, byteLength, bytesOf, classOf, codeAt, create, dateToJson, defineProperty,
		getPrototypeOf, guarded, hasOwn, instanceOf, isAnyArrayBuffer, isArray, isDate, isFinite, isMap,
		isNativeError, isPromise, isProxy, isSet, isUtf8, isView, isoOf, join, keys, list, mapDelete, mapEntries,
		mapGet, mapSet, nextInMap, nextInSet, objectPrototype, parseJson, setPrototypeOf, setValues, slice, stringify, timeOf,
		toWellFormed, tooLarge,
	});
	return evaluated;
};
