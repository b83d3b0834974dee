import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer } from "../../../testing/server.ts";
import { FakeTimers } from "../../../testing/time.ts";
import { Invocations } from "./invocations.ts";

function setup() {
  const invocations = new Invocations({ api: new FakeServer().api, timers: new FakeTimers(), elapsed: () => 0 });
  const invoke = (workerId = "a") => invocations.invoke({ workerId, functionName: "greet", payload: "{}" });
  const numbers = (workerId = "a") => invocations.of(workerId).map(({ number }) => number);
  return { invocations, invoke, numbers };
}

test("a new one is selected, and numbered across workers", () => {
  const { invocations, invoke, numbers } = setup();
  invoke("a");
  const second = invoke("b");
  assert.deepEqual([numbers("a"), numbers("b")], [[1], [2]]);
  assert.equal(invocations.selectedOf("b"), second);
});

test("the selection of one worker is not that of another", () => {
  const { invocations, invoke } = setup();
  const [first] = [invoke("a"), invoke("a")];
  const other = invoke("b");
  invocations.select(first);
  assert.deepEqual([invocations.selectedOf("a"), invocations.selectedOf("b")], [first, other]);
});

test("of more than twelve the oldest that has ended gives way", () => {
  const { invoke, numbers } = setup();
  invoke();
  invoke().stop();
  for (let number = 3; number <= 13; number += 1) {
    invoke();
  }
  assert.deepEqual(numbers(), [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
});

test("none that runs gives way", () => {
  const { invoke, numbers } = setup();
  for (let number = 1; number <= 13; number += 1) {
    invoke();
  }
  assert.equal(numbers().length, 13);
});

test("to close one stops it, and selects the next, or else the one before", () => {
  const { invocations, invoke, numbers } = setup();
  const [first, second, third] = [invoke(), invoke(), invoke()];
  invocations.close(second);
  assert.equal(second.outcome.value?.kind, "stopped");
  assert.equal(invocations.selectedOf("a"), third);
  invocations.close(third);
  assert.equal(invocations.selectedOf("a"), first);
  invocations.close(first);
  assert.deepEqual([numbers(), invocations.selectedOf("a")], [[], undefined]);
});

test("all of a deleted worker are stopped and forgotten, those of others go on", () => {
  const { invocations, invoke, numbers } = setup();
  const [own, other] = [invoke("a"), invoke("b")];
  invocations.closeAll("a");
  assert.equal(own.outcome.value?.kind, "stopped");
  assert.equal(other.isStreaming.value, true);
  assert.deepEqual([numbers("a"), numbers("b")], [[], [2]]);
});
