// Logs lines of JSON to standard output.
import pino from "pino";

const log = pino({ base: { service: "worker" }, timestamp: false });

export async function main() {
  log.info({ user: 7 }, "hello %s", "ada");
  log.child({ part: "b" }).error(new TypeError("failed"));
  const lines: string[] = [];
  pino({ timestamp: false, base: null }, { write: (line: string) => void lines.push(line) }).warn("kept");
  return lines.map((line) => JSON.parse(line));
}
