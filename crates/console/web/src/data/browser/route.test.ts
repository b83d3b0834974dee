import assert from "node:assert/strict";
import { test } from "node:test";

import { type Place, parseRoute, paths, Router } from "./route.ts";

function place(hash = "") {
  const listeners: (() => void)[] = [];
  const replaced: string[] = [];
  const location = { hash, replace: (path: string | URL) => void replaced.push(String(path)) };
  const fake: Place = { location, addEventListener: (_, listener) => void listeners.push(listener) };
  return { fake, location, replaced, change: () => listeners[0]?.() };
}

test("every path leads to its page", () => {
  assert.deepEqual(parseRoute(paths.workers), { page: "workers" });
  assert.deepEqual(parseRoute(paths.start), { page: "start" });
  assert.deepEqual(parseRoute(paths.deploy()), { page: "deploy", from: null });
  assert.deepEqual(parseRoute(paths.deploy("a/b")), { page: "deploy", from: "a/b" });
  assert.deepEqual(parseRoute(paths.worker("a/b")), { page: "worker", id: "a/b", tab: "invoke", line: null, column: null });
  assert.deepEqual(parseRoute(paths.worker("a", "api")), { page: "worker", id: "a", tab: "api", line: null, column: null });
  assert.deepEqual(parseRoute(paths.source("a", 3, 7)), { page: "worker", id: "a", tab: "source", line: 3, column: 7 });
});

test("a path that leads nowhere is the page that says so", () => {
  assert.deepEqual(parseRoute("#/nowhere"), { page: "missing" });
  assert.deepEqual(parseRoute("#/workers/a/nowhere"), { page: "missing" });
});

test("a line that is no number above zero is none", () => {
  assert.equal((parseRoute("#/workers/a/source?line=-1&column=x") as { line: unknown }).line, null);
});

test("a part that cannot be decoded is taken as it is", () => {
  assert.equal((parseRoute("#/workers/%E0") as { id: unknown }).id, "%E0");
});

test("the route follows the address", () => {
  const { fake, location, change } = place("#/start");
  const { route } = new Router(fake);
  assert.equal(route.value.page, "start");
  location.hash = "#/deploy";
  change();
  assert.equal(route.value.page, "deploy");
});

test("a step is in the history, a replacement is not", () => {
  const { fake, location, replaced } = place();
  const router = new Router(fake);
  router.navigate(paths.start);
  router.replace(paths.deploy());
  assert.equal(location.hash, "#/start");
  assert.deepEqual(replaced, ["#/deploy"]);
});
