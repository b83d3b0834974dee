import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeTimers } from "../../testing/time.ts";
import { Toasts } from "./toasts.ts";

function setup() {
  const timers = new FakeTimers();
  const toasts = new Toasts(timers);
  return { timers, toasts, texts: () => toasts.shown.value.map(({ text }) => text) };
}

test("good news goes by itself after six seconds", () => {
  const { timers, toasts, texts } = setup();
  toasts.show("good", "It is ready.");
  timers.advance(5_999);
  assert.deepEqual(texts(), ["It is ready."]);
  timers.advance(1);
  assert.deepEqual(texts(), []);
});

test("an error stays until it is dismissed", () => {
  const { timers, toasts, texts } = setup();
  toasts.show("bad", "It failed.");
  timers.advance(3_600_000);
  assert.deepEqual(texts(), ["It failed."]);
  toasts.dismiss(toasts.shown.value[0]?.id ?? 0);
  assert.deepEqual(texts(), []);
});

test("the last five are shown", () => {
  const { toasts, texts } = setup();
  for (const text of ["1", "2", "3", "4", "5", "6"]) {
    toasts.show("bad", text);
  }
  assert.deepEqual(texts(), ["2", "3", "4", "5", "6"]);
});
