// The SDK, pointed at a recorder of requests. Each request's URL names the operation that it belongs to.
import assert from "node:assert/strict";

const hosted = "https://vercel.com/api/";
let current;

/** The arguments that every static call of the SDK gets. */
export const connection = {
  token: "token",
  teamId: "team_ours",
  projectId: "prj_ours",
  fetch(url, options) {
    assert.ok(url.startsWith(hosted) && current, url);
    return fetch(`${process.env.VERCEL_TEST_RECORDER}/${current}/api/${url.slice(hosted.length)}`, options);
  },
};

/** Runs something under the name of an operation. Only one operation runs at a time. */
export async function during(operation, something) {
  current = operation;
  const done = await something();
  current = undefined;
  return done;
}
