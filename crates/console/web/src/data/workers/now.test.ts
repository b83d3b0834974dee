import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeTimers } from "../../../testing/time.ts";
import { Now, type Sight } from "./now.ts";

function setup(hidden = false) {
  const clock = { time: 100, now: () => clock.time };
  const timers = new FakeTimers();
  let look = () => {};
  const sight = {
    hidden,
    addEventListener: (_: "visibilitychange", listener: () => void) => {
      look = listener;
    },
  } satisfies Sight;
  return { clock, timers, now: new Now(clock, timers, sight), look: () => look() };
}

test("the time moves on every five seconds", () => {
  const { clock, timers, now } = setup();
  clock.time = 200;
  timers.advance(4_999);
  assert.equal(now.time.value, 100);
  timers.advance(1);
  assert.equal(now.time.value, 200);
});

test("while the page is out of sight the time stands still, and is right when it is looked at", () => {
  const { clock, timers, now, look } = setup(true);
  clock.time = 200;
  timers.advance(60_000);
  assert.equal(now.time.value, 100);
  look();
  assert.equal(now.time.value, 200);
});
