import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY, DEPLOYED, worker } from "../../../testing/workers.ts";
import { isExpiringSoon, statusOf, whyNotInvoke } from "./life.ts";

const expiry = DEPLOYED + 7 * DAY;

test("a worker whose time is over is expired before the server says so", () => {
  assert.equal(statusOf(worker("a"), expiry - 1), "ready");
  assert.equal(statusOf(worker("a"), expiry), "expired");
});

test("a worker that could not be created does not expire", () => {
  assert.equal(statusOf(worker("a", { status: "error" }), expiry), "error");
});

test("two days are soon, three are not", () => {
  assert.equal(isExpiringSoon(worker("a"), expiry - 2 * DAY), true);
  assert.equal(isExpiringSoon(worker("a"), expiry - 2 * DAY - 1), false);
});

test("what is expired does not expire soon, nor what has no end", () => {
  assert.equal(isExpiringSoon(worker("a"), expiry), false);
  assert.equal(isExpiringSoon(worker("a", { snapshotExpiresAt: null }), expiry), false);
});

test("a worker that cannot be invoked has a reason", () => {
  assert.equal(whyNotInvoke(worker("a"), DEPLOYED), null);
  assert.match(whyNotInvoke(worker("a", { status: "creating" }), DEPLOYED) ?? "", /being created/);
  assert.equal(whyNotInvoke(worker("a", { status: "error", errorMessage: "No snapshot." }), DEPLOYED), "No snapshot.");
  assert.match(whyNotInvoke(worker("a"), expiry) ?? "", /expired on .* Redeploy it/);
});
