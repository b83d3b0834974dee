import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeStream } from "../../../testing/server.ts";
import { FakeTimers, settle, until } from "../../../testing/time.ts";
import { readEvents, type ServerEvent } from "./events.ts";

function reading(stream = new FakeStream()) {
  const timers = new FakeTimers();
  const arrived: ServerEvent[][] = [];
  const ended = readEvents(stream.response, (events) => arrived.push(events), timers);
  ended.catch(() => undefined);
  return { stream, timers, arrived, ended };
}

test("events are handed on as they arrive, those of one piece together", async () => {
  const { stream, arrived } = reading();
  stream.write("event: log\ndata: 1\n\nevent: log\ndata: 2\n\n");
  await until(() => arrived.length === 1);
  stream.write("event: result\ndata: 3\n\n");
  await until(() => arrived.length === 2);
  assert.deepEqual(arrived, [
    [
      { name: "log", data: "1" },
      { name: "log", data: "2" },
    ],
    [{ name: "result", data: "3" }],
  ]);
});

test("an event in two pieces is one event", async () => {
  const { stream, arrived } = reading();
  stream.write("event: log\nda");
  await settle();
  assert.equal(arrived.length, 0);
  stream.write("ta: 1\n\n");
  await until(() => arrived.length === 1);
  assert.deepEqual(arrived, [[{ name: "log", data: "1" }]]);
});

test("a comment is no event", async () => {
  const { stream, arrived, ended } = reading();
  stream.write(": keep-alive\n\n");
  stream.end();
  await ended;
  assert.deepEqual(arrived, []);
});

test("the end of the stream is the end of the reading", async () => {
  const { stream, ended, timers } = reading();
  stream.end();
  await ended;
  assert.equal(timers.pending, 0, "no timer is left");
});

test("a stream that breaks off is the error unreachable", async () => {
  const { stream, ended } = reading();
  stream.fail();
  await assert.rejects(ended, { code: "unreachable" });
});

test("a stream that was cancelled is no error of the API", async () => {
  const { stream, ended } = reading();
  stream.fail(new DOMException("cancelled", "AbortError"));
  await assert.rejects(ended, { name: "AbortError" });
});

test("a stream that falls silent for 45 seconds is given up", async () => {
  const { stream, timers, ended } = reading();
  await until(() => timers.pending === 1);
  timers.advance(45_000);
  await assert.rejects(ended, { code: "unreachable" });
  await until(() => stream.isCancelled);
});

test("a comment every 15 seconds keeps a stream alive", async () => {
  const { stream, timers, arrived } = reading();
  for (let time = 0; time < 90; time += 15) {
    timers.advance(15_000);
    stream.write(": keep-alive\n\n");
    await settle();
  }
  stream.write("event: log\ndata: 1\n\n");
  await until(() => arrived.length === 1);
});
