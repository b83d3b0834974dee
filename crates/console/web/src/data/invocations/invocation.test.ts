import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer, FakeStream, refusal } from "../../../testing/server.ts";
import { FakeTimers, until } from "../../../testing/time.ts";
import { Invocation } from "./invocation.ts";

function setup(payload = '{"name":"Ada"}') {
  const server = new FakeServer();
  const clock = { time: 1_000 };
  const call = { workerId: "a b", functionName: "greet", payload };
  const invocation = new Invocation(1, call, { api: server.api, timers: new FakeTimers(), elapsed: () => clock.time });
  return { server, clock, invocation };
}

async function streaming() {
  const all = setup();
  const stream = new FakeStream();
  const request = await all.server.next();
  request.answer(stream.response);
  await until(() => all.invocation.begun.value);
  return { ...all, stream, request };
}

const line = (message: string) => ({ stream: "stdout", message, timestamp: 0 });

test("the payload is posted to the function", async () => {
  const request = await setup().server.next();
  assert.deepEqual([request.method, request.path, request.body], ["POST", "api/workers/a%20b/invoke/greet", '{"name":"Ada"}']);
});

test("no payload is an empty object", async () => {
  assert.equal((await setup(" \n").server.next()).body, "{}");
});

test("lines are counted as they arrive, and shown with the next frame", async () => {
  const { invocation, stream } = await streaming();
  const heard: boolean[] = [];
  invocation.log.listen((atOnce) => heard.push(atOnce));
  stream.send("log", line("one"));
  await until(() => invocation.lineCount.value === 1);
  assert.deepEqual([heard, invocation.isStreaming.value], [[false], true]);
});

test("a result ends it, after the lines that came with it", async () => {
  const { invocation, stream, clock } = await streaming();
  const heard: boolean[] = [];
  invocation.log.listen((atOnce) => heard.push(atOnce));
  clock.time = 1_250;
  stream.write(
    `event: log\ndata: ${JSON.stringify(line("one"))}\n\nevent: result\ndata: {"success":true,"result":{"n":12345678901234567890}}\n\n`,
  );
  await until(() => !invocation.isStreaming.value);
  assert.deepEqual(heard, [true]);
  assert.equal(invocation.elapsed.value, 250);
  const outcome = invocation.outcome.value;
  assert.equal(outcome?.kind === "result" && outcome.json, '{\n  "n": 12345678901234567890\n}');
});

test("an error ends it, with its receipt", async () => {
  const { invocation, stream } = await streaming();
  stream.send("error", { error: "no luck", code: "thrown", cpuMs: 3 });
  await until(() => !invocation.isStreaming.value);
  const outcome = invocation.outcome.value;
  assert.deepEqual(outcome?.kind === "error" && [outcome.error.error, outcome.receipt.cpuMs], ["no luck", 3]);
});

test("a request that is refused is no invocation", async () => {
  const { server, invocation } = setup();
  (await server.next()).answer(refusal(410, "The worker expired.", "worker_expired"));
  await until(() => invocation.outcome.value !== null);
  const outcome = invocation.outcome.value;
  assert.equal(outcome?.kind === "refused" && outcome.error.code, "worker_expired");
});

test("a stream that breaks off has lost the outcome", async () => {
  const { invocation, stream } = await streaming();
  stream.fail();
  await until(() => invocation.outcome.value?.kind === "lost");
});

test("a stream that ends without an outcome has lost it", async () => {
  const { invocation, stream } = await streaming();
  stream.end();
  await until(() => invocation.outcome.value?.kind === "lost");
});

test("stop cancels the request, and is the outcome", async () => {
  const { invocation, request } = await streaming();
  invocation.stop();
  assert.equal(request.signal?.aborted, true);
  assert.equal(invocation.outcome.value?.kind, "stopped");
});

test("of two outcomes the first counts", async () => {
  const { invocation, stream } = await streaming();
  stream.send("error", { error: "no luck", code: "thrown" });
  await until(() => invocation.outcome.value?.kind === "error");
  invocation.stop();
  assert.equal(invocation.outcome.value?.kind, "error");
});
