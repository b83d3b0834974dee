import util from "node:util";

const sites = () => util.getCallSites().map((site) => `${site.functionName} ${site.lineNumber}:${site.columnNumber}`);
console.log("sites", sites().slice(0, 2).join(", "));
const { prepareStackTrace } = Error;
Error.prepareStackTrace = (error, frames) => `${error.message} ${frames[0].getFunctionName()} ${frames[0].getLineNumber()}`;
console.log("prepared", (function named() { return new Error("mine") })().stack);
Error.prepareStackTrace = prepareStackTrace;
console.log("restored", new Error("plain").stack.split("\n").length > 1);
Error.stackTraceLimit = 1;
console.log("limited", new Error("one").stack.split("\n").length);
