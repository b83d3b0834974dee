import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore } from "../../../testing/browser.ts";
import { Payloads } from "../browser/payloads.ts";
import { Session } from "./session.ts";

function browser() {
  const [localStore, sessionStore] = [memoryStore(), memoryStore()];
  const payloads = new Payloads(localStore);
  return { localStore, sessionStore, payloads, open: () => new Session({ localStore, sessionStore, payloads }) };
}

test("a token is kept for the tab alone", () => {
  const { localStore, open } = browser();
  open().signIn("s3cret", false);
  assert.equal(open().token.value, "s3cret");
  assert.equal(localStore.get("token"), null);
});

test("a token is kept on the device if the user wants that", () => {
  const { localStore, open } = browser();
  open().signIn("s3cret", true);
  assert.equal(localStore.get("token"), "s3cret");
});

test("a new token is not refused yet", () => {
  const session = browser().open();
  session.refuse("wrong");
  session.signIn("s3cret", false);
  assert.equal(session.refused.value, null);
});

test("a token that the server does not take is forgotten, and its sentence is shown", () => {
  const { open } = browser();
  const session = open();
  session.signIn("wrong", true);
  session.refuse("The token is wrong.");
  assert.deepEqual([session.token.value, session.refused.value], ["", "The token is wrong."]);
  assert.equal(open().token.value, "");
});

test("a server that wants a token where there was none has nothing to complain about", () => {
  const session = browser().open();
  session.refuse("A token is wanted.");
  assert.equal(session.refused.value, "");
});

test("sign out forgets the token and the payloads", () => {
  const { payloads, open } = browser();
  const session = open();
  session.signIn("s3cret", true);
  payloads.remember("a", "greet", "1");
  session.signOut();
  assert.deepEqual([session.token.value, session.refused.value, payloads.of("a", "greet")], ["", "", []]);
  assert.equal(open().token.value, "");
});
