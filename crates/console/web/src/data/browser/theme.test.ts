import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore } from "../../../testing/browser.ts";
import { rememberedTheme, type Theme } from "./theme.ts";

test("without a choice it is as the system has it", () => {
  const shown: Theme[] = [];
  assert.equal(rememberedTheme(memoryStore(), (theme) => shown.push(theme)).value, "system");
  assert.deepEqual(shown, ["system"]);
});

test("a choice is shown at once, and remembered", () => {
  const store = memoryStore();
  const shown: Theme[] = [];
  rememberedTheme(store, (theme) => shown.push(theme)).value = "dark";
  assert.deepEqual(shown, ["system", "dark"]);
  assert.equal(rememberedTheme(store, () => {}).value, "dark");
});

test("the choice of the system's theme forgets the other", () => {
  const store = memoryStore();
  const theme = rememberedTheme(store, () => {});
  theme.value = "light";
  theme.value = "system";
  assert.equal(store.get("theme"), null);
});

test("a remembered text that is no theme is ignored", () => {
  const store = memoryStore();
  store.set("theme", "purple");
  assert.equal(rememberedTheme(store, () => {}).value, "system");
});
