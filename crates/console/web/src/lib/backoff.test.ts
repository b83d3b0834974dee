import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "./backoff.ts";

const steady = { firstMs: 500, longestMs: 10_000, random: () => 0.5 };

test("each pause is twice as long as the one before", () => {
  const backoff = new Backoff(steady);
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [500, 1_000, 2_000]);
});

test("no pause is longer than the longest", () => {
  const backoff = new Backoff(steady);
  const pauses = Array.from({ length: 10 }, () => backoff.next());
  assert.equal(pauses.at(-1), 10_000);
});

test("a success makes the next pause the first again", () => {
  const backoff = new Backoff(steady);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test("chance makes a pause up to a quarter shorter or longer", () => {
  assert.equal(new Backoff({ ...steady, random: () => 0 }).next(), 375);
  assert.equal(new Backoff({ ...steady, random: () => 1 }).next(), 625);
});
