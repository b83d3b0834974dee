/// Behind a proxy that runs already: `PROXY_URL` is where it serves the platform, `SERVER_URL` is the server's own
/// address.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { closeBrowser, deploy, invokeButton, logLines, open, outcome } from "./world.ts";

after(closeBrowser);

const CODE = "export function greet() { console.log('a line'); return 'hello'; }";

test("the console loads, receives events, deploys, and invokes", async (t) => {
  const [server, proxy] = [process.env["SERVER_URL"], process.env["PROXY_URL"]];
  assert.ok(server && proxy);
  // Without its last slash the address leads to the console all the same.
  const page = await open(t, proxy);
  assert.equal(page.url().split("#")[0], `${proxy}/`);
  await page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
  const id = await deploy(server, "elsewhere", CODE);
  await page.locator(`[data-worker="${id}"]`).waitFor();
  await page.goto(`${proxy}/#/workers/${id}`);
  await invokeButton(page).click();
  await outcome(page, "result").filter({ hasText: "hello" }).waitFor();
  assert.deepEqual(await logLines(page).allInnerTexts(), ["a line"]);
  await page.goto(`${proxy}/#/deploy`);
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: "greeter" }).waitFor();
});
