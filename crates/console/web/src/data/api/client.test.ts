import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer, json, refusal } from "../../../testing/server.ts";
import { worker } from "../../../testing/workers.ts";
import { deployBody } from "./client.ts";
import { ApiError } from "./error.ts";

test("a request carries the token, if there is one", async () => {
  const server = new FakeServer();
  void server.api.get("a");
  assert.equal((await server.next()).headers.get("Authorization"), null);
  server.token = "s3cret";
  void server.api.get("a");
  assert.equal((await server.next()).headers.get("Authorization"), "Bearer s3cret");
});

test("an error of the API keeps its sentence, its code and its details", async () => {
  const server = new FakeServer();
  const reading = server.api.get("a");
  (await server.next()).answer(refusal(404, "There is no such worker.", "worker_not_found", { requestId: "r1" }));
  await assert.rejects(reading, (error: ApiError) => {
    assert.deepEqual(
      [error.message, error.code, error.status, error.requestId],
      ["There is no such worker.", "worker_not_found", 404, "r1"],
    );
    return true;
  });
});

test("an error page of a proxy is an error with its status", async () => {
  const server = new FakeServer();
  const reading = server.api.get("a");
  (await server.next()).answer(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await assert.rejects(reading, { message: "The server answered with status 502.", code: "unknown" });
});

test("no answer is the error unreachable", async () => {
  const server = new FakeServer();
  const reading = server.api.get("a");
  (await server.next()).fail();
  await assert.rejects(reading, { code: "unreachable", status: 0 });
});

test("a request that was cancelled is no error of the API", async () => {
  const server = new FakeServer();
  const abort = new AbortController();
  const reading = server.api.events(abort.signal);
  abort.abort();
  await assert.rejects(reading, (error: unknown) => !(error instanceof ApiError));
});

test("a token that is not taken is reported", async () => {
  const server = new FakeServer();
  const reading = server.api.get("a");
  (await server.next()).answer(refusal(401, "The token is wrong."));
  await assert.rejects(reading);
  assert.deepEqual(server.refusals, ["The token is wrong."]);
});

test("a list is read page after page, along its links", async () => {
  const server = new FakeServer();
  const pages = server.api.list(new AbortController().signal);
  const first = pages.next();
  const response = json([worker("a")], { headers: { Link: '<workers?after=a>; rel="next"' } });
  // The page below a path, as a proxy may put it.
  Object.defineProperty(response, "url", { value: "https://example.com/vendor/api/workers" });
  (await server.next()).answer(response);
  assert.equal((await first).value?.[0]?.id, "a");
  const second = pages.next();
  const request = await server.next();
  assert.equal(request.path, "https://example.com/vendor/api/workers?after=a");
  request.answer(json([worker("b")]));
  assert.equal((await second).value?.[0]?.id, "b");
  assert.equal((await pages.next()).done, true);
});

test("the body of a deploy has compiler options only if there are any", () => {
  assert.equal(deployBody({ name: "a", code: "b" }), '{"name":"a","code":"b"}');
  assert.equal(
    deployBody({ name: "a", code: "b", compilerOptions: { experimentalDecorators: true } }),
    '{"name":"a","code":"b","compilerOptions":{"experimentalDecorators":true}}',
  );
});
