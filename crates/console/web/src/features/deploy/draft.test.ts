import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore } from "../../../testing/browser.ts";
import { FakeServer, json, refusal } from "../../../testing/server.ts";
import { until } from "../../../testing/time.ts";
import { worker } from "../../../testing/workers.ts";
import { Payloads } from "../../data/browser/payloads.ts";
import { Workers } from "../../data/workers/workers.ts";
import { DeployDraft } from "./draft.ts";

const examples = [
  { key: "one", title: "One", name: "first", code: "export const one = () => 1;", payload: '{"one":1}' },
  { key: "two", title: "Two", name: "second", code: "export const two = () => 2;", payload: '{"two":2}' },
] as const;

function setup() {
  const server = new FakeServer();
  const workers = new Workers();
  const payloads = new Payloads(memoryStore());
  const sessionStore = memoryStore();
  const open = () => new DeployDraft({ api: server.api, workers, payloads, sessionStore, examples });
  return { server, workers, payloads, sessionStore, open, draft: open() };
}

test("a new draft is the first example", () => {
  const { draft } = setup();
  assert.deepEqual([draft.name.value, draft.code.value, draft.example.value?.key], ["first", examples[0].code, "one"]);
});

test("what is written survives a look at another page", () => {
  const { draft, open } = setup();
  draft.change({ name: "mine" });
  draft.change({ code: "export {}", experimentalDecorators: true });
  const again = open();
  assert.deepEqual([again.name.value, again.code.value, again.experimentalDecorators.value], ["mine", "export {}", true]);
});

test("what was kept and is no draft is ignored", () => {
  const { sessionStore, open } = setup();
  for (const text of ["{", "7", '{"name":1}']) {
    sessionStore.set("draft", text);
    assert.equal(open().name.value, "first");
  }
});

test("code that was changed is no example any more", () => {
  const { draft } = setup();
  draft.change({ code: "export {}" });
  assert.equal(draft.example.value, undefined);
});

test("another example takes the place of everything, the last error too", async () => {
  const { draft, server } = setup();
  draft.change({ experimentalDecorators: true });
  const deploying = draft.deploy();
  (await server.next()).answer(refusal(400, "Unexpected token"));
  await deploying;
  draft.replaceWith(examples[1]);
  assert.deepEqual(
    [draft.name.value, draft.code.value, draft.experimentalDecorators.value, draft.error.value],
    ["second", examples[1].code, false, null],
  );
});

test("a copy has the name and the code of its worker", async () => {
  const { draft, server, workers } = setup();
  workers.put(worker("a", { name: "original" }));
  const copying = draft.copy("a");
  const request = await server.next();
  assert.equal(request.path, "api/workers/a/source");
  request.answer(new Response("export {}"));
  await copying;
  assert.deepEqual([draft.name.value, draft.code.value], ["original", "export {}"]);
});

test("a copy that cannot be read leaves the draft, and an error", async () => {
  const { draft, server } = setup();
  const copying = draft.copy("a");
  (await server.next()).answer(refusal(404, "There is no such worker."));
  await copying;
  assert.deepEqual([draft.name.value, draft.error.value?.message], ["first", "There is no such worker."]);
});

test("it is sent as it is written, with compiler options only if they are wanted", () => {
  const { draft } = setup();
  draft.change({ name: "mine", code: "export {}" });
  assert.deepEqual(draft.request.value, { name: "mine", code: "export {}" });
  draft.change({ experimentalDecorators: true });
  assert.deepEqual(draft.request.value.compilerOptions, { experimentalDecorators: true });
});

test("a deployed draft is in the list, is forgotten, and leaves the example's payload", async () => {
  const { draft, server, workers, payloads, sessionStore } = setup();
  draft.replaceWith(examples[1]);
  const deploying = draft.deploy();
  (await server.next()).answer(json(worker("a", { functions: ["two"] }), { status: 201 }));
  assert.equal((await deploying)?.id, "a");
  assert.equal(workers.find("a")?.id, "a");
  assert.equal(sessionStore.get("draft"), null);
  assert.deepEqual(payloads.of("a", "two"), ['{"two":2}']);
});

test("while a deploy is under way there is no second one", async () => {
  const { draft, server } = setup();
  const first = draft.deploy();
  assert.equal(await draft.deploy(), null);
  (await server.next()).answer(json(worker("a"), { status: 201 }));
  assert.equal((await first)?.id, "a");
  assert.equal(server.requests.length, 0);
});

test("mistakes in the code are there until the next deploy begins", async () => {
  const { draft, server } = setup();
  const diagnostic = { code: "syntax", message: "Unexpected token", line: 2, column: 13, codeFrame: null, help: null };
  const deploying = draft.deploy();
  (await server.next()).answer(refusal(400, "Unexpected token", "syntax_error", { diagnostics: [diagnostic] }));
  assert.equal(await deploying, null);
  assert.deepEqual([draft.isBusy.value, draft.diagnostics.value], [false, [diagnostic]]);
  void draft.deploy();
  await until(() => server.requests.length === 1);
  assert.deepEqual(draft.diagnostics.value, []);
});
