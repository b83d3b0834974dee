import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "./clock.ts";

const dated = (date: string) => new Response(null, { headers: { Date: date } });
const LOCAL = Date.parse("2025-11-23T12:00:00Z");

test("a clock that is an hour slow is set right by an answer", () => {
  const clock = new ServerClock(() => LOCAL);
  clock.learn(dated("Sun, 23 Nov 2025 13:00:00 GMT"));
  assert.equal(clock.now(), LOCAL + 3_600_000);
});

test("a difference of two seconds is none", () => {
  const clock = new ServerClock(() => LOCAL);
  clock.learn(dated("Sun, 23 Nov 2025 12:00:02 GMT"));
  assert.equal(clock.now(), LOCAL);
});

test("an answer without a date changes nothing", () => {
  const clock = new ServerClock(() => LOCAL);
  clock.learn(dated("Sun, 23 Nov 2025 13:00:00 GMT"));
  clock.learn(new Response());
  assert.equal(clock.now(), LOCAL + 3_600_000);
});
