// Lists: their content, their order, and their pages. Sandboxes of other tests are on the same server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Sandbox } from "@vercel/sandbox";

import { connection, create, unique } from "../world.mjs";

const names = (page) => page.sandboxes.map((sandbox) => sandbox.name);

/** Creates sandboxes whose names begin alike, in the order of their names and of their creation. */
async function family(t, size, options) {
  const prefix = `${unique("family")}-`;
  const members = [];
  for (let index = 0; index < size; index++) members.push((await create(t, { ...options, name: `${prefix}${index}` })).name);
  return { prefix, members };
}

test("a list is of one tag's sandboxes", async (t) => {
  const tags = { family: unique() };
  const { members } = await family(t, 2, { tags });
  await create(t, { tags: { family: "another" } });
  assert.deepEqual(names(await Sandbox.list({ ...connection, tags })), members.toReversed());
});

test("a list is of names that begin alike, in either order", async (t) => {
  const { prefix, members } = await family(t, 3);
  const options = { ...connection, namePrefix: prefix, sortBy: "name" };
  assert.deepEqual(names(await Sandbox.list({ ...options, sortOrder: "asc" })), members);
  const page = await Sandbox.list({ ...options, sortOrder: "desc" });
  assert.deepEqual(names(page), members.toReversed());
  assert.deepEqual([page.sandboxes[0].status, page.sandboxes[0].persistent], ["running", false]);
  assert.deepEqual(page.pagination, { count: 3, next: null });
});

test("a list goes on from page to page", async (t) => {
  const { prefix, members } = await family(t, 3);
  const page = await Sandbox.list({ ...connection, namePrefix: prefix, sortBy: "name", sortOrder: "asc", limit: 1 });
  assert.deepEqual(names(page), members.slice(0, 1));
  assert.equal(typeof page.pagination.next, "string");
  assert.deepEqual((await page.toArray()).map((sandbox) => sandbox.name), members);
});

test("a list of nothing is empty", async () => {
  const page = await Sandbox.list({ ...connection, namePrefix: unique("nobody"), sortBy: "name" });
  assert.deepEqual([page.sandboxes, page.pagination], [[], { count: 0, next: null }]);
});
