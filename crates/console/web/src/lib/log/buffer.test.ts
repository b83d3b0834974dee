import assert from "node:assert/strict";
import { test } from "node:test";

import { LogBuffer, type Printed } from "./buffer.ts";

const line = (message: string, rest: Partial<Printed> = {}): Printed => ({ stream: "stdout", message, timestamp: 0, ...rest });

test("a line that was cut says so", () => {
  const log = new LogBuffer();
  log.append(line("the beginning", { cut: true }));
  assert.equal(log.lines[0]?.text, "the beginning… [cut]");
});

test("the line about what was left out is marked", () => {
  const log = new LogBuffer();
  log.append(line("3 lines were dropped", { dropped: { lines: 3, bytes: 9 } }));
  log.append(line("another"));
  assert.deepEqual(
    log.lines.map(({ isDropped }) => isDropped),
    [true, false],
  );
});

test("a colour that one line sets holds for the next", () => {
  const log = new LogBuffer();
  log.append(line("\x1b[31mred"));
  log.append(line("red still"));
  assert.equal(log.lines[1]?.marks.length, 1);
});

test("the text is what was not cleared, the file is everything", () => {
  const log = new LogBuffer();
  log.append(line("one"));
  log.cleared = 1;
  log.append(line("two", { stream: "stderr" }));
  assert.equal(log.toText(), "two");
  assert.equal(log.toFile(), "1970-01-01T00:00:00.000Z stdout one\n1970-01-01T00:00:00.000Z stderr two\n");
});

test("a listener hears of new lines until it stops listening", () => {
  const log = new LogBuffer();
  const heard: boolean[] = [];
  const stop = log.listen((atOnce) => heard.push(atOnce));
  log.notify(false);
  log.notify(true);
  stop();
  log.notify(true);
  assert.deepEqual(heard, [false, true]);
});
