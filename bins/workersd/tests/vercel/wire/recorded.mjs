// The SDK, led to a recorder of requests, which is told with each which operation it is of.
import assert from "node:assert/strict";

const hosted = "https://vercel.com/api/";
let current;

/** What every static call of the SDK is given. */
export const connection = {
  token: "token",
  teamId: "team_ours",
  projectId: "prj_ours",
  fetch(url, options) {
    assert.ok(url.startsWith(hosted) && current, url);
    return fetch(`${process.env.VERCEL_TEST_RECORDER}/${current}/api/${url.slice(hosted.length)}`, options);
  },
};

/** Does something under this name. One thing is done at a time. */
export async function during(operation, something) {
  current = operation;
  const done = await something();
  current = undefined;
  return done;
}
