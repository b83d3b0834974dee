// Records: what a program did, in a form in which the two sides can be compared.
import { SourceMap } from "node:module";

/** A frame of a stack trace that belongs to Node.js' way of starting a program. */
const STARTUP = /node:internal\/(modules|process)\//;
const FRAME = /^\s+at /;

/** Rewrites the frames in a text with `mapFrame`, which gives nothing for a frame that is to go. */
const mapFrames = (text, mapFrame) => {
  const lines = [];
  for (const line of text.split("\n")) {
    const mapped = FRAME.test(line) ? mapFrame(line) : line.replace(/^\(node:\d+\)/, "(node:PROCESS)");
    if (mapped !== undefined) lines.push(mapped);
    // What util.inspect adds stands behind the last frame.
    else if (line.endsWith(" {")) lines.push(`${lines.pop()} {`);
  }
  return lines.join("\n");
};

/** Our side names the user's own lines already; columns depend on how exact a compiler's positions are. */
export const ourText = (text, file) =>
  mapFrames(text, (line) =>
    STARTUP.test(line) ? undefined : line.replaceAll(new RegExp(`(${file.replace(".", "\\.")}:\\d+):\\d+`, "g"), "$1"),
  );

/** The reference side: places in the compiled file become lines of the source. */
export const referenceText = (url, file, map) => {
  const positions = new SourceMap(JSON.parse(map));
  const place = new RegExp(`${url.replaceAll(/[.\\+*?^$()[\]{}|/]/g, "\\$&")}:(\\d+):(\\d+)`, "g");
  const mapPlace = (_, line, column) => {
    const found = positions.findEntry(line - 1, column - 1);
    return `${file}:${found.originalLine + 1}`;
  };
  return (text) =>
    mapFrames(text, (line) =>
      STARTUP.test(line) || line.includes("tool/driver.mjs") ? undefined : line.replaceAll(place, mapPlace),
    );
};

/** Applies `change` to every string in a JSON value. */
const changeStrings = (value, change) => {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => changeStrings(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, changeStrings(item, change)]));
};

/** An error with its stack as a list of frames. Which fields an error may have is written in js/VALUES.md. */
const errorOf = (error) => {
  const frames = (error.stack ?? "").split("\n").filter((line) => FRAME.test(line));
  const { name, message, errorCode, cause, errors } = error;
  const record = {
    name,
    message,
    errorCode,
    cause: cause?.stack ? errorOf(cause) : cause,
    errors: errors?.map(errorOf),
  };
  record.frames = frames.map((line) => line.trim());
  return record;
};

/** Whether an error at load came from the engine's own reading of the module, and not from a line of it. */
const isRefusal = ({ name, frames }) => name === "SyntaxError" && !frames.some((frame) => frame.includes("worker."));

/**
 * Makes the record of a finished run. `code` is how it ended, `value` the result or the error, `change` rewrites the
 * places in texts. A module that an engine refuses to run is `refused`, whether the compiler or the engine said so.
 */
export const recordOf = ({ code, value, stdout, stderr, exitCode }, change) => {
  let record = { outcome: code };
  const changed = changeStrings(value, change);
  if (code === "ok") record.result = changed;
  else if (code === "process_exit") record.exitCode = exitCode;
  else if (code === "thrown" || code === "load_failed") record.error = errorOf(changed);
  if (code === "load_failed" && isRefusal(record.error)) record = refused(record.error.message);
  if (stdout) record.stdout = change(stdout);
  if (stderr) record.stderr = change(stderr);
  // Without the fields that are undefined.
  return JSON.parse(JSON.stringify(record));
};

/** The record of a program that is not run. */
export const refused = (message) => ({ outcome: "refused", message });

const sorted = (value) => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
};
const exactly = (one, other) => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

/** Whether both sides did the same. Two compilers that refuse a program may say so in different words. */
export const same = (one, other) => {
  if (!one || !other) return false;
  if (one.outcome === "refused" && other.outcome === "refused") return true;
  // The order of the fields of a record is ours, but that in a result is the program's.
  const { result, ...rest } = one;
  const { result: otherResult, ...otherRest } = other;
  return exactly(rest, otherRest) && JSON.stringify(result) === JSON.stringify(otherResult);
};

/** Whether two records are equal to the letter, messages of a refusal included. */
export const equal = (one, other) => exactly(one, other);
