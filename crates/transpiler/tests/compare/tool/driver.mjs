// The reference's side of a run: `node driver.mjs <module> <function> <payload>` imports a module, calls one of its
// functions, and writes how that ended to file descriptor 3. The programs return JSON, so there is little to convert.
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [, , file, name, payload] = process.argv;
process.argv = [process.argv[0], file];

const { reallyExit } = process;
let done = false;
const settle = (code, value, exitCode) => {
  if (done) return;
  done = true;
  fs.writeSync(3, JSON.stringify({ code, value: value === undefined ? null : value, exitCode }));
};

const text = (value) => {
  try {
    return `${value}`;
  } catch {
    return undefined;
  }
};

/** A thrown value, as js/VALUES.md describes it. */
const describe = (thrown) => {
  if (!(thrown instanceof Error) && Object.prototype.toString.call(thrown) !== "[object Error]") {
    const isObject = typeof thrown === "object" && thrown !== null;
    const message = isObject
      ? (thrown.message ?? JSON.stringify(thrown))
      : text(typeof thrown === "symbol" ? thrown.description : thrown);
    return { name: (isObject && thrown.name) || "NonError", message, stack: "" };
  }
  const { name, message, stack, code } = thrown;
  const record = { name, message, stack, errorCode: code };
  if (Object.hasOwn(thrown, "cause"))
    record.cause = thrown.cause instanceof Error ? describe(thrown.cause) : thrown.cause;
  if (Array.isArray(thrown.errors)) record.errors = thrown.errors.map(describe);
  return record;
};

let phase = "load_failed";
const fail = (thrown) => {
  settle(phase, describe(thrown));
  process.exit(1);
};

const { exit } = process;
process.exit = (code) => {
  settle("process_exit", null, code ?? process.exitCode ?? 0);
  exit(code);
};
process.on("exit", () => settle("never_settled"));
// Sees the error before Node.js prints it.
process.on("uncaughtExceptionMonitor", (error) => {
  if (process.listenerCount("uncaughtException") > 0) return;
  settle(phase, describe(error));
  reallyExit.call(process, 1);
});

import(pathToFileURL(file).href).then(async (module) => {
  phase = "thrown";
  try {
    const run = module[name];
    settle("ok", await run(JSON.parse(payload)));
  } catch (thrown) {
    return fail(thrown);
  }
  process.nextTick(() => exit(0));
}, fail);
