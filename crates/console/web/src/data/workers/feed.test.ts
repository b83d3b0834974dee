import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer, FakeStream, json, refusal } from "../../../testing/server.ts";
import { FakeTimers, settle, until } from "../../../testing/time.ts";
import { worker } from "../../../testing/workers.ts";
import { WorkerFeed } from "./feed.ts";
import { Workers } from "./workers.ts";

function setup() {
  const server = new FakeServer();
  const timers = new FakeTimers();
  const workers = new Workers();
  const browser = { isRefused: false, isHidden: false, online: () => {} };
  const feed = new WorkerFeed({
    api: server.api,
    workers,
    timers,
    isRefused: () => browser.isRefused,
    isHidden: () => browser.isHidden,
    onOnline: (then) => {
      browser.online = then;
      return () => {
        browser.online = () => {};
      };
    },
    random: () => 0.5,
  });
  return { server, timers, workers, browser, feed, ids: () => workers.all.value?.map(({ id }) => id) };
}

/** A feed that is live, with a list of `a` and `b`. */
async function live() {
  const all = setup();
  all.feed.follow();
  const stream = new FakeStream();
  (await all.server.next()).answer(stream.response);
  (await all.server.next()).answer(json([worker("b"), worker("a")]));
  await until(() => all.feed.connection.value === "live");
  return { ...all, stream };
}

test("it subscribes first, and reads the list then, so that nothing falls between", async () => {
  const { server, feed } = setup();
  feed.follow();
  const events = await server.next();
  assert.equal(events.path, "api/workers/events");
  await settle();
  assert.equal(server.requests.length, 0);
  events.answer(new FakeStream().response);
  assert.equal((await server.next()).path, "api/workers");
});

test("events that come within a tenth of a second are shown together", async () => {
  const { stream, timers, ids } = await live();
  const before = timers.pending;
  stream.send("worker", worker("c"));
  await until(() => timers.pending > before);
  stream.send("deleted", { id: "a" });
  await settle();
  assert.deepEqual(ids(), ["b", "a"]);
  timers.advance(100);
  assert.deepEqual(ids(), ["c", "b"]);
});

test("an event of a kind that is new is ignored", async () => {
  const { stream, timers, ids } = await live();
  const before = timers.pending;
  stream.send("renamed", { id: "a" });
  await until(() => timers.pending > before);
  timers.advance(100);
  assert.deepEqual(ids(), ["b", "a"]);
});

test("a reset makes it read the list again", async () => {
  const { stream, timers, server, ids } = await live();
  const before = timers.pending;
  stream.send("reset", {});
  await until(() => timers.pending > before);
  timers.advance(100);
  (await server.next()).answer(json([worker("c")]));
  await until(() => ids()?.join() === "c");
});

test("a second reset during the reading makes it begin anew", async () => {
  const { stream, timers, server, ids } = await live();
  for (let time = 0; time < 2; time += 1) {
    const before = timers.pending;
    stream.send("reset", {});
    await until(() => timers.pending > before);
    timers.advance(100);
  }
  (await server.next()).answer(json([worker("old")]));
  (await server.next()).answer(json([worker("new")]));
  await until(() => ids()?.join() === "new");
});

test("the list is read again every minute", async () => {
  const { timers, server, stream } = await live();
  timers.advance(30_000);
  stream.write(": keep-alive\n\n");
  await settle();
  timers.advance(30_000);
  assert.equal((await server.next()).path, "api/workers");
});

test("while the page is out of sight the list is not read again", async () => {
  const { timers, server, stream, browser } = await live();
  browser.isHidden = true;
  timers.advance(30_000);
  stream.write(": keep-alive\n\n");
  await settle();
  timers.advance(30_000);
  await settle();
  assert.equal(server.requests.length, 0);
});

test("after a lost connection it tries again, later each time", async () => {
  const { stream, feed, timers, server } = await live();
  stream.end();
  await until(() => feed.connection.value === "lost");
  for (const pause of [500, 1_000, 2_000]) {
    await settle();
    timers.advance(pause - 1);
    await settle();
    assert.equal(server.requests.length, 0, `before ${pause} ms`);
    timers.advance(1);
    (await server.next()).fail();
  }
});

test("a connection that works makes the next pause the first again", async () => {
  const { stream, feed, timers, server } = await live();
  stream.end();
  await until(() => feed.connection.value === "lost");
  await settle();
  timers.advance(500);
  (await server.next()).fail();
  await settle();
  timers.advance(1_000);
  const again = new FakeStream();
  (await server.next()).answer(again.response);
  (await server.next()).answer(json([]));
  await until(() => feed.connection.value === "live");
  again.end();
  await until(() => feed.connection.value === "lost");
  await settle();
  timers.advance(500);
  assert.equal((await server.next()).path, "api/workers/events");
});

test("a browser that is online again makes it try at once", async () => {
  const { stream, feed, browser, server, timers } = await live();
  stream.end();
  await until(() => feed.connection.value === "lost");
  await settle();
  browser.online();
  assert.equal((await server.next()).path, "api/workers/events");
  assert.equal(timers.pending, 0, "no timer is left");
});

test("a list that cannot be read has an error, which the next list takes away", async () => {
  const { server, timers, workers, feed } = setup();
  feed.follow();
  (await server.next()).answer(refusal(503, "The database is away."));
  await until(() => workers.error.value?.message === "The database is away.");
  await settle();
  timers.advance(500);
  (await server.next()).answer(new FakeStream().response);
  (await server.next()).answer(json([]));
  await until(() => workers.error.value === null);
});

test("a token that is not taken ends the attempts", async () => {
  const { server, timers, browser, feed } = setup();
  feed.follow();
  browser.isRefused = true;
  (await server.next()).answer(refusal(401, "The token is wrong."));
  await settle();
  assert.equal(timers.pending, 0);
  assert.equal(feed.connection.value, "connecting");
});

test("to follow anew ends what was followed before", async () => {
  const { feed, server } = setup();
  feed.follow();
  const first = await server.next();
  feed.follow();
  assert.equal(first.signal?.aborted, true);
  assert.equal((await server.next()).path, "api/workers/events");
});

test("to unfollow forgets the list, and what still comes is ignored", async () => {
  const { stream, timers, feed, ids } = await live();
  const before = timers.pending;
  stream.send("worker", worker("c"));
  await until(() => timers.pending > before);
  feed.unfollow();
  timers.advance(100);
  assert.equal(ids(), undefined);
});
