import assert from "node:assert/strict";
import { test } from "node:test";

import { createAnsiReader } from "./ansi.ts";

const read = (line: string) => createAnsiReader()(line);

test("a line without escapes is taken as it is", () => {
  assert.deepEqual(read("plain [31m text"), { text: "plain [31m text", marks: [] });
});

test("colours become marks, and leave the text", () => {
  const { text, marks } = read("a \x1b[1;31mred\x1b[0m b");
  assert.equal(text, "a red b");
  assert.deepEqual(marks, [{ from: 2, to: 5, style: "font-weight:700;color:var(--ansi-red)" }]);
});

test("a colour lasts to the next line, as on a terminal", () => {
  const reader = createAnsiReader();
  reader("\x1b[32mgreen");
  assert.deepEqual(reader("still").marks, [{ from: 0, to: 5, style: "color:var(--ansi-green)" }]);
  reader("\x1b[0m");
  assert.deepEqual(reader("plain").marks, []);
});

test("colours by number and by value are written out", () => {
  assert.equal(read("\x1b[38;5;208mx").marks[0]?.style, "color:rgb(255 135 0)");
  assert.equal(read("\x1b[48;2;1;2;3mx").marks[0]?.style, "background:rgb(1 2 3)");
  assert.equal(read("\x1b[38;5;244mx").marks[0]?.style, "color:rgb(128 128 128)");
});

test("reversed colours change places", () => {
  assert.equal(read("\x1b[7;31mx").marks[0]?.style, "background:var(--text);color:var(--surface);background:var(--ansi-behind-red)");
});

test("sequences that move the cursor, set a title or make a link do nothing", () => {
  assert.equal(read("\x1b[2Ka\x1b[1Ab\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x1b]8;;\x1b\\").text, "abcd");
});

test("characters that could break a line or hide are shown", () => {
  assert.equal(read("a\rb\u0000c\u2028d\r").text, "a\u240db\u2400c\u{fffd}d");
  assert.equal(read("tab\tstays").text, "tab\tstays");
});

test("a bright colour has the property of the colour", () => {
  assert.equal(read("\x1b[92mx").marks[0]?.style, "color:var(--ansi-green)");
});
