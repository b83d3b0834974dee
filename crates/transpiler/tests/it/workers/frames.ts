import util, { getCallSites as named } from "node:util";
interface Pad { a: 1;
  b: 2 }
const Callbacks: any = Error;
const original = Callbacks.prepareStackTrace;
let seenAtLoad: unknown;
Callbacks.prepareStackTrace = (_: Error, sites: any[]) => sites;
seenAtLoad = sites(new Error("load")).length;
Callbacks.prepareStackTrace = original;
function sites(error: any) {
  return error.stack.map((site: any) => [site.getFileName(), site.getLineNumber(), site.getColumnNumber(), site.getFunctionName(), `${site}`, site.isAsync()]);
}
export async function prepared() {
  const mine = (_: Error, list: any[]) => list;
  Callbacks.prepareStackTrace = mine;
  const same = Callbacks.prepareStackTrace === mine;
  const before = new Error("before");
  const here = sites(before);
  const captured: any = {};
  (function hidden() { Error.captureStackTrace(captured, hidden) })();
  const around = sites(captured);
  await null;
  const later = sites(new Error("later"));
  const inTimer = await new Promise((done) => setTimeout(function tick() { done(sites(new Error("timer"))[0]) }, 1));
  const [site] = (new Error("methods") as any).stack;
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(site)).filter((name) => name !== "toString").sort();
  const kinds = [site.isNative(), site.isEval(), site.isToplevel(), site.isConstructor(), site.getThis() === undefined, site.constructor.name, Array.isArray((before as any).stack)];
  const evalOrigin = (0, eval)("new Error('eval')").stack[0].getEvalOrigin();
  Callbacks.prepareStackTrace = (error: Error, list: any[]) => original(error, list.slice(1));
  const wrapped = (function skipped() { return new Error("wrapped") })().stack;
  Callbacks.prepareStackTrace = undefined;
  const isUndefined = Callbacks.prepareStackTrace === undefined;
  const plain = new Error("plain").stack;
  Callbacks.prepareStackTrace = original;
  return { seenAtLoad, same, here, captured: around, later, inTimer, methods: methods.length, kinds, evalOrigin, wrapped, isUndefined, plain, restored: Callbacks.prepareStackTrace === original };
}
export async function callSites() {
  const short = (list: any[]) => list.map((site) => [site.functionName, site.scriptName, site.lineNumber, site.column ?? site.columnNumber]);
  function inner() { return short(util.getCallSites()) }
  const refused: string[] = [];
  for (const count of [0, 201, "1"]) try { (util as any).getCallSites(count) } catch (error: any) { refused.push(error.code) }
  return {
    here: short(named()), inner: inner(), mapped: short((util as any).getCallSites({ sourceMap: true })), counted: (function two() { return short(util.getCallSites(1)) })(),
    dynamic: short((await import("node:util")).getCallSites()), refused,
  };
}
export async function listeners() {
  const seen: any[] = [];
  Callbacks.prepareStackTrace = (_: Error, list: any[]) => list.map((site) => site.getFunctionName());
  process.on("exit", function leaving() { console.log(JSON.stringify([new Error("exit").stack, util.getCallSites().map((site) => site.functionName)])) });
  return seen;
}
