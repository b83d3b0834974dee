import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStorage } from "../../../testing/browser.ts";
import { Store } from "./store.ts";

test("two consoles of one origin do not see each other's keys", () => {
  const storage = memoryStorage();
  const [one, other] = [new Store(() => storage, "workers:/one/:"), new Store(() => storage, "workers:/other/:")];
  one.set("theme", "dark");
  assert.equal(one.get("theme"), "dark");
  assert.equal(other.get("theme"), null);
});

test("what begins with a text is removed, and nothing else", () => {
  const storage = memoryStorage();
  const [one, other] = [new Store(() => storage, "one:"), new Store(() => storage, "other:")];
  one.set("payloads.a", "1");
  one.set("theme", "dark");
  other.set("payloads.a", "2");
  one.removeAll("payloads.");
  assert.deepEqual([one.get("payloads.a"), one.get("theme"), other.get("payloads.a")], [null, "dark", "2"]);
});

test("storage that is switched off remembers nothing, and is no error", () => {
  const store = new Store(() => {
    throw new DOMException("denied", "SecurityError");
  }, "");
  store.set("theme", "dark");
  store.remove("theme");
  store.removeAll("");
  assert.equal(store.get("theme"), null);
});
