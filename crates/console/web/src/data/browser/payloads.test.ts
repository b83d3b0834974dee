import assert from "node:assert/strict";
import { test } from "node:test";

import { effect } from "@preact/signals";

import { memoryStore } from "../../../testing/browser.ts";
import { Payloads } from "./payloads.ts";

test("the newest payload comes first, and each is there once", () => {
  const payloads = new Payloads(memoryStore());
  for (const payload of ["1", "2", "1"]) {
    payloads.remember("a", "greet", payload);
  }
  assert.deepEqual(payloads.of("a", "greet"), ["1", "2"]);
});

test("the last twelve are kept", () => {
  const payloads = new Payloads(memoryStore());
  for (let number = 1; number <= 13; number += 1) {
    payloads.remember("a", "greet", String(number));
  }
  assert.equal(payloads.of("a", "greet").length, 12);
  assert.equal(payloads.of("a", "greet").at(-1), "2");
});

test("a payload of more than 64 KiB is not kept", () => {
  const payloads = new Payloads(memoryStore());
  payloads.remember("a", "greet", "x".repeat(64 * 1024 + 1));
  assert.deepEqual(payloads.of("a", "greet"), []);
});

test("those of one worker are forgotten, or all", () => {
  const payloads = new Payloads(memoryStore());
  payloads.remember("a", "greet", "1");
  payloads.remember("b", "greet", "2");
  payloads.forget("a");
  assert.deepEqual([payloads.of("a", "greet"), payloads.of("b", "greet")], [[], ["2"]]);
  payloads.forget();
  assert.deepEqual(payloads.of("b", "greet"), []);
});

test("what is kept and is no list is ignored", () => {
  const store = memoryStore();
  store.set("payloads.a.greet", "{");
  assert.deepEqual(new Payloads(store).of("a", "greet"), []);
});

test("what shows the payloads hears of a new one", () => {
  const payloads = new Payloads(memoryStore());
  const seen: number[] = [];
  effect(() => {
    seen.push(payloads.of("a", "greet").length);
  });
  payloads.remember("a", "greet", "1");
  assert.deepEqual(seen, [0, 1]);
});
