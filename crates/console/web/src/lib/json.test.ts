import assert from "node:assert/strict";
import { test } from "node:test";

import { formatJson, jsonProblem, parseExactly } from "./json.ts";

test("numbers that JavaScript cannot hold keep their digits", () => {
  const text = '{"id":12345678901234567890,"small":1.50,"list":[1e400]}';
  assert.equal(formatJson(parseExactly(text)), '{\n  "id": 12345678901234567890,\n  "small": 1.50,\n  "list": [\n    1e400\n  ]\n}');
});

test("an empty payload is none, and no mistake", () => {
  assert.equal(jsonProblem(" \n"), null);
});

test("a mistake is told with its place", () => {
  assert.equal(jsonProblem('{"a": 1}'), null);
  const problem = jsonProblem('{"a": 1,}');
  assert.equal(problem?.offset, 8);
  assert.match(problem?.message ?? "", /double-quoted property name/);
  assert.equal(jsonProblem("[1, 2")?.offset, 5);
});
