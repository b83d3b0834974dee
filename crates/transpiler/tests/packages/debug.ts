// Prints to standard error.
import debug from "debug";

export function main() {
  debug.enable("worker:*");
  const log = debug("worker:main");
  log("number %d, object %o", 1, { a: 1 });
  debug("other")("not shown");
  return [log.enabled, debug.enabled("other")];
}
