import assert from "node:assert/strict";
import { test } from "node:test";

import { worker } from "../../../testing/workers.ts";
import type { Worker } from "../api/types.ts";
import { Workers } from "./workers.ts";

async function* pages(...of: readonly (readonly Worker[])[]): AsyncGenerator<readonly Worker[]> {
  yield* of;
}

const fresh = () => false;
const ids = (workers: Workers) => workers.all.value?.map(({ id }) => id);

/** Pages that come when the test says so. */
function slowPages() {
  const waiting: ((result: IteratorResult<readonly Worker[]>) => void)[] = [];
  const iterator = { next: () => new Promise<IteratorResult<readonly Worker[]>>((resolve) => waiting.push(resolve)) };
  return {
    pages: { [Symbol.asyncIterator]: () => iterator },
    give: async (page: readonly Worker[]) => {
      waiting.shift()?.({ value: page, done: false });
      await new Promise(setImmediate);
    },
    end: () => waiting.shift()?.({ value: undefined, done: true }),
  };
}

test("before the first answer there is no list, which is not the same as an empty one", async () => {
  const workers = new Workers();
  assert.equal(workers.all.value, null);
  await workers.read(pages([]), fresh);
  assert.deepEqual(workers.all.value, []);
});

test("the newest comes first, and of the same moment the one with the later id", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a"), worker("c"), worker("b", { createdAt: "2025-11-24T00:00:00Z" })]), fresh);
  assert.deepEqual(ids(workers), ["b", "c", "a"]);
});

test("each page is shown when it is there, and the list is complete with the last", async () => {
  const workers = new Workers();
  const { pages, give, end } = slowPages();
  const reading = workers.read(pages, fresh);
  await give([worker("b")]);
  assert.deepEqual([ids(workers), workers.isComplete.value], [["b"], false]);
  await give([worker("a")]);
  end();
  await reading;
  assert.deepEqual([ids(workers), workers.isComplete.value], [["b", "a"], true]);
});

test("a list that is read again shows the old one until it is complete", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a"), worker("b")]), fresh);
  const { pages: again, give, end } = slowPages();
  const reading = workers.read(again, fresh);
  await give([worker("a")]);
  assert.deepEqual(ids(workers), ["b", "a"]);
  end();
  await reading;
  assert.deepEqual(ids(workers), ["a"]);
});

test("what happens while the pages are being read is not undone by a page that is older", async () => {
  const workers = new Workers();
  const { pages, give, end } = slowPages();
  const reading = workers.read(pages, fresh);
  await give([worker("b")]);
  workers.apply([{ name: "deleted", data: { id: "a" } }]);
  workers.put(worker("c"));
  await give([worker("a")]);
  end();
  await reading;
  assert.deepEqual(ids(workers), ["c", "b"]);
});

test("events before the first page are applied to it", async () => {
  const workers = new Workers();
  const { pages, give, end } = slowPages();
  const reading = workers.read(pages, fresh);
  workers.apply([{ name: "worker", data: worker("c") }]);
  assert.equal(workers.all.value, null, "one worker alone would look like all there are");
  await give([worker("a")]);
  end();
  await reading;
  assert.deepEqual(ids(workers), ["c", "a"]);
});

test("a reading that is out of date is given up", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a")]), () => true);
  assert.equal(workers.all.value, null);
});

test("a reading that fails leaves the old list", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a")]), fresh);
  // biome-ignore lint/correctness/useYield: it fails before the first page
  const broken = async function* (): AsyncGenerator<readonly Worker[]> {
    throw new Error("lost");
  };
  await assert.rejects(workers.read(broken(), fresh), /lost/);
  assert.deepEqual(ids(workers), ["a"]);
});

test("an invocation elsewhere changes when a worker was last invoked", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a")]), fresh);
  workers.apply([{ name: "invoked", data: { id: "a", lastInvokedAt: "2025-11-23T10:00:00Z" } }]);
  assert.equal(workers.find("a")?.lastInvokedAt, "2025-11-23T10:00:00Z");
});

test("an invocation of a worker that is not there changes nothing", async () => {
  const workers = new Workers();
  await workers.read(pages([]), fresh);
  workers.apply([{ name: "invoked", data: { id: "a", lastInvokedAt: "2025-11-23T10:00:00Z" } }]);
  assert.deepEqual(ids(workers), []);
});

test("what is gone stays gone, though news of it come late", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a"), worker("b")]), fresh);
  workers.drop("a");
  workers.apply([
    { name: "deleted", data: { id: "b" } },
    { name: "worker", data: worker("a") },
    { name: "worker", data: worker("b") },
  ]);
  assert.deepEqual(ids(workers), []);
});

test("of the deleted ones the last thousand are remembered", async () => {
  const workers = new Workers();
  await workers.read(pages([]), fresh);
  for (let number = 0; number <= 1_000; number += 1) {
    workers.drop(`${number}`);
  }
  workers.apply([
    { name: "worker", data: worker("1") },
    { name: "worker", data: worker("0") },
  ]);
  assert.deepEqual(ids(workers), ["0"]);
});

test("a cleared list is as before the first answer", async () => {
  const workers = new Workers();
  await workers.read(pages([worker("a")]), fresh);
  workers.clear();
  assert.deepEqual([workers.all.value, workers.isComplete.value], [null, false]);
});

test("each change is reported", async () => {
  let told = 0;
  const workers = new Workers(() => {
    told += 1;
  });
  workers.put(worker("a"));
  workers.drop("a");
  assert.equal(told, 2);
});
