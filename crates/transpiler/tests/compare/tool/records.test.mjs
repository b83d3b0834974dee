import assert from "node:assert/strict";
import test from "node:test";
import { parse, parseOne, parseTitled } from "./programs.mjs";
import { equal, ourText, recordOf, same } from "./records.mjs";
import { difference, table } from "./report.mjs";

test("a file has several programs whose lines count from their headers", () => {
  const text = '// About.\n// tsc: {"strict": true}\n\n// ---- one\na\n// ---- two\n// call: f {"n":1}\nb\n';
  const [one, two] = parse(text, "area", ".ts");
  assert.deepEqual([one.name, one.code, one.function, one.payload], ["one", "a", "main", "{}"]);
  assert.deepEqual([two.name, two.code, two.function, two.payload], ["two", '// call: f {"n":1}\nb\n', "f", '{"n":1}']);
  assert.deepEqual(two.options, { strict: true });
});

test("two programs of one name are a mistake", () => {
  assert.throws(() => parse("// ---- a\n// ---- a\n", "area", ".ts"), /two programs "a"/);
});

test("programs of other forms are read without their results", () => {
  const [one, two] = parseTitled("# one\na\n> 1\n\n# two\nb\n> 2\n", "area");
  assert.deepEqual([one.name, one.code.trim(), two.name, two.code.trim()], ["one", "a", "two", "b"]);
  assert.equal(parseOne("let a;\n// returns 1", "p", "standard", ".ts").explained, undefined);
  const other = parseOne("// tsc drops it.\nlet a;\n// returns [1]\n", "p", "legacy", ".ts");
  assert.deepEqual(other.options, { experimentalDecorators: true });
  assert.deepEqual(other.explained, { reason: "tsc drops it.", ours: { outcome: "ok", result: [1] } });
  assert.throws(() => parseOne("// tsc drops it.\nlet a;", "p", "legacy", ".ts"), /not what it returns/);
});

test("frames lose their columns, and what starts a program goes", () => {
  const text = "Error: x\n    at f (worker.ts:3:5)\n    at run (node:internal/modules/esm/loader:1:2) {\n  code: 1\n}";
  assert.equal(ourText(text, "worker.ts"), "Error: x\n    at f (worker.ts:3) {\n  code: 1\n}");
});

test("a syntax error of the engine is a refusal, and one that the program throws is not", () => {
  const value = (stack) => ({ name: "SyntaxError", message: "m", stack });
  const record = (stack) => recordOf({ code: "load_failed", value: value(stack) }, (text) => text);
  assert.deepEqual(record("SyntaxError: m"), { outcome: "refused", message: "m" });
  assert.equal(record("SyntaxError: m\n    at worker.ts:1").outcome, "load_failed");
});

test("refusals agree whatever their words, and results only with the order of their keys", () => {
  assert(same({ outcome: "refused", message: "a" }, { outcome: "refused", message: "b" }));
  assert(!equal({ outcome: "refused", message: "a" }, { outcome: "refused", message: "b" }));
  assert(same({ outcome: "ok", result: { a: 1, b: 2 } }, { result: { a: 1, b: 2 }, outcome: "ok" }));
  assert(!same({ outcome: "ok", result: { a: 1, b: 2 } }, { outcome: "ok", result: { b: 2, a: 1 } }));
  assert(!same({ outcome: "ok", result: 1 }, undefined));
});

test("a report shows the fields that differ and counts by area", () => {
  assert.equal(difference({ a: 1, b: 2 }, { a: 1, b: 3 }, ["x", "y"]), "    b\n      x: 2\n      y: 3");
  const lines = table([
    { area: "one", kind: "same" },
    { area: "two", kind: "pending" },
  ]).split("\n");
  assert.deepEqual(
    lines.map((line) => line.split(/ +/)),
    [
      ["area", "programs", "same", "explained", "pending", "different"],
      ["one", "1", "1", "0", "0", "0"],
      ["two", "1", "0", "0", "1", "0"],
      ["all", "2", "1", "0", "1", "0"],
    ],
  );
});
