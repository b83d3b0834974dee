import assert from "node:assert/strict";
import { test } from "node:test";

import { typescriptLanguage } from "@codemirror/lang-javascript";
import { Text } from "@codemirror/state";

import { exportedFunctions } from "./exports.ts";

function exportsOf(code: string): readonly string[] {
  return exportedFunctions(typescriptLanguage.parser.parse(code), Text.of(code.split("\n")));
}

test("declared functions count, in the order of the source", () => {
  const code = "export async function a() {}\nfunction hidden() {}\nexport function b(x: { y: string }): void {}";
  assert.deepEqual(exportsOf(code), ["a", "b"]);
});

test("constants count if they hold a function", () => {
  const code = "export const a = async (x: number) => x, b = 1, c = function () {};\nexport const d: string = 'x';";
  assert.deepEqual(exportsOf(code), ["a", "c"]);
});

test("a list counts under the exported names", () => {
  const code = "function a() {}\nconst b = 2;\nclass C {}\nexport { a, a as second, b, C };\nimport { x } from 'node:fs';\nexport { x };";
  assert.deepEqual(exportsOf(code), ["a", "second", "x"]);
});

test("the default export counts if it is a function", () => {
  assert.deepEqual(exportsOf("export default async function named() {}"), ["default"]);
  assert.deepEqual(exportsOf("export default () => 1"), ["default"]);
  assert.deepEqual(exportsOf("export default { a: 1 }"), []);
});

test("types, enums, classes, generators and what only looks like an export do not count", () => {
  const code =
    "export type A = () => void;\nexport interface B {}\nexport enum C { a }\nexport class D {}\nexport function* e() {}\n" +
    "const s = `export function f() {}`; // export function g() {}\nexport type { A as H };";
  assert.deepEqual(exportsOf(code), []);
});

test("code that is being written gives what can be seen already", () => {
  assert.deepEqual(exportsOf("export function a() {}\nexport function b( {"), ["a", "b"]);
});
