// Logs lines of JSON to standard output and to a stream.
import { Writable } from "node:stream";
import winston from "winston";

export async function main() {
  const lines: string[] = [];
  const stream = new Writable({ write: (chunk, _encoding, done) => { lines.push(`${chunk}`.trim()); done() } });
  const log = winston.createLogger({ format: winston.format.combine(winston.format.splat(), winston.format.json()), transports: [new winston.transports.Console(), new winston.transports.Stream({ stream })] });
  log.info("hello %s", "ada", { user: 7 });
  log.debug("not shown");
  await new Promise((done) => log.on("finish", done).end());
  return lines.map((line) => JSON.parse(line));
}
