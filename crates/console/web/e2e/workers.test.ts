import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";

import { closeBrowser, invokeButton, open, outcome, serve, typeCode, workerPage } from "./world.ts";

after(closeBrowser);

const CODE = "export async function greet({ name = 'you' }) { return `hello ${name}`; }\nexport async function other() {}";

test("an empty platform shows the first steps, which lead to a worker that answers", async (t) => {
  const server = await serve(t);
  const page = await open(t, server.url);
  await page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
  await page.getByRole("link", { name: "Deploy your first worker" }).click();
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: "greeter" }).waitFor();
  await invokeButton(page).click();
  await outcome(page, "result").filter({ hasText: "Hello Ada!" }).waitFor();
});

test("the list is right without reloading: deployed, invoked and deleted elsewhere", async (t) => {
  const server = await serve(t);
  const first = await server.deploy("first", CODE);
  const page = await open(t, server.url);
  const row = (id: string) => page.locator(`[data-worker="${id}"]`);
  await row(first).waitFor();
  const second = await server.deploy("second", CODE);
  await row(second).waitFor();
  assert.equal(await page.locator("[data-worker]").first().getAttribute("data-worker"), second, "newest first");
  await row(second).getByText("never").waitFor();
  await fetch(`${server.url}/api/workers/${second}/functions/greet`, { method: "POST" });
  await row(second).getByText("never").waitFor({ state: "detached" });
  await fetch(`${server.url}/api/workers/${first}`, { method: "DELETE" });
  await row(first).waitFor({ state: "detached" });
});

test("code is deployed with decorators of before TypeScript 5, and a draft keeps the choice", async (t) => {
  const server = await serve(t);
  const page = await open(t, `${server.url}/#/deploy`);
  const code =
    "const own: any = (...of: unknown[]) => { seen = of.length };\nlet seen = 0;\nclass A { @own m() {} }\nexport const count = () => seen;";
  await typeCode(page, code);
  const choice = page.getByRole("checkbox", { name: "Decorators of before TypeScript 5" });
  await choice.check();
  await page.reload();
  assert.ok(await choice.isChecked());
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await invokeButton(page).click();
  // A decorator of the standard gets two arguments.
  await outcome(page, "result").filter({ hasText: "3" }).waitFor();
});

test("search finds by name", async (t) => {
  const server = await serve(t);
  const ids = await Promise.all(["alpha", "Beta one", "beta two"].map((name) => server.deploy(name, CODE)));
  const page = await open(t, server.url);
  await page.getByRole("searchbox", { name: "Search workers by name" }).fill("BETA");
  await page.getByText("2 workers found").waitFor();
  assert.equal(await page.locator(`[data-worker="${ids[0]}"]`).count(), 0);
  await page.getByRole("searchbox").fill("gamma");
  await page.getByText("No worker has “gamma” in its name.").waitFor();
});

for (const [lifetime, warns] of [
  ["2d", true],
  ["3d", false],
] as const) {
  test(`a worker with ${lifetime} left has ${warns ? "a" : "no"} warning`, async (t) => {
    const server = await serve(t, "--lifetime", lifetime);
    const id = await server.deploy("mayfly", CODE);
    const page = await open(t, server.url);
    const row = page.locator(`[data-worker="${id}"]`);
    await row.getByText(`in ${lifetime.replace("d", "")} days`).waitFor();
    assert.equal(await row.locator("[data-warning=expiry]").count(), warns ? 1 : 0);
    if (warns) {
      const expires = await row.locator("time[datetime]").last().getAttribute("datetime");
      assert.ok(Math.abs(Date.parse(expires ?? "") - Date.now() - 2 * 86_400_000) < 60_000, "it says when");
    }
    await page.goto(workerPage(server, id));
    await page.getByRole("heading", { name: "mayfly" }).waitFor();
    assert.equal(await page.locator("[data-warning=expiry]").count(), warns ? 1 : 0);
  });
}

test("an expired worker has a gray badge, cannot be invoked, and is redeployed by one click", async (t) => {
  const server = await serve(t, "--lifetime", "3s", "--sweep-interval", "200ms");
  const id = await server.deploy("mayfly", CODE);
  const page = await open(t, server.url);
  const row = page.locator(`[data-worker="${id}"]`);
  await row.locator("[data-status=ready]").waitFor();
  await row.locator("[data-status=expired]").waitFor({ timeout: 10_000 });
  assert.equal(await row.locator("[data-status]").textContent(), "Expired");
  const button = row.getByRole("button", { name: "Invoke" });
  assert.ok(await button.isDisabled());
  assert.match((await button.getAttribute("title")) ?? "", /expired on .* Redeploy it/);

  // If the button is enabled by force, the API refuses the invocation.
  await page.goto(workerPage(server, id));
  await invokeButton(page).waitFor();
  assert.ok(await invokeButton(page).isDisabled());
  await invokeButton(page).evaluate((element) => element.removeAttribute("disabled"));
  await invokeButton(page).click();
  await outcome(page, "refused").filter({ hasText: "worker_expired" }).waitFor();

  await page.goto(`${server.url}/#/`);
  await row.getByRole("button", { name: "Redeploy mayfly" }).click();
  await row.locator("[data-status=ready]").waitFor();
  await page.getByText("mayfly is ready again").waitFor();
});

test("a syntax error marks its line and shows the code frame", async (t) => {
  const server = await serve(t);
  const page = await open(t, `${server.url}/#/deploy`);
  await typeCode(page, "export function f() {\n  return 1 +;\n}");
  await page.locator("[data-export]").filter({ hasText: /^f$/ }).waitFor();
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "Unexpected token (line 2, column 13)" }).waitFor();
  assert.match((await page.getByRole("region", { name: /^Code around line/ }).textContent()) ?? "", /> 2 \| {3}return 1 \+;/);
  assert.match((await page.locator(".cm-pointed").textContent()) ?? "", /return 1 \+;/);
  await page.locator(".cm-lint-marker-error").waitFor();
  // Mended, it deploys, and the name was kept.
  await typeCode(page, CODE);
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: "greeter" }).waitFor();
});

test("what is wrong with a name is said in the API's words", async (t) => {
  const server = await serve(t);
  const page = await open(t, `${server.url}/#/deploy`);
  await page.getByLabel("Name").fill(" ");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "missing_name" }).waitFor();
});

test("delete asks for the name", async (t) => {
  const server = await serve(t);
  const id = await server.deploy("precious", CODE);
  const page = await open(t, workerPage(server, id));
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const confirm = dialog.getByRole("button", { name: "Delete worker" });
  assert.ok(await confirm.isDisabled());
  await dialog.getByRole("textbox").fill("preciou");
  await page.keyboard.press("Enter");
  assert.ok(await confirm.isDisabled());
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.equal((await fetch(`${server.url}/api/workers/${id}`)).status, 200);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("precious");
  await page.keyboard.press("Enter");
  await page.getByText("precious is deleted.").waitFor();
  assert.equal((await fetch(`${server.url}/api/workers/${id}`)).status, 404);
});

test("the curl commands do what they say", async (t) => {
  const server = await serve(t);
  const id = await server.deploy("it's", CODE);
  const page = await open(t, `${workerPage(server, id)}/api`);
  const run = async (label: string) => {
    const command = await page.getByRole("region", { name: `curl command: ${label}`, exact: true }).textContent();
    const { stdout } = spawnSync("sh", ["-c", command ?? "false"], { encoding: "utf8" });
    return stdout;
  };
  assert.match(await run("Invoke greet"), /"result":"hello you"/);
  assert.match(await run("Watch greet"), /event: result/);
  assert.equal(await run("Source"), CODE);
  assert.match(await run("Redeploy"), /"status":"ready"/);
  await page.goto(`${server.url}/#/deploy`);
  await page.getByText("Deploy with curl").click();
  assert.match(await run("Deploy"), /"functions":\["greet"\]/);
  await page.goto(`${workerPage(server, id)}/api`);
  assert.match(await run("Delete"), /"success":true/);
});

test("a server with a token asks for it", async (t) => {
  const server = await serve(t, "--admin-token", "s3cret");
  const page = await open(t, server.url);
  await page.getByRole("heading", { name: /^Sign in/ }).waitFor();
  await page.getByLabel("Admin token").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "the token is not the right one" }).waitFor();
  await page.getByLabel("Admin token").fill("s3cret");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: /^Welcome to/ }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: /^Sign in/ }).waitFor();
});

test("the vendor's name, logo and colour are everywhere", async (t) => {
  const server = await serve(t, "--branding-name", "Acme <Functions>", "--branding-accent", "#8b1e6b");
  const page = await open(t, server.url);
  await page.getByRole("heading", { name: "Welcome to Acme <Functions>" }).waitFor();
  assert.match(await page.title(), /Acme <Functions>/);
  const color = await page
    .getByRole("link", { name: "Deploy your first worker" })
    .evaluate((link) => getComputedStyle(link).backgroundColor);
  assert.equal(color, "rgb(139, 30, 107)");
});

test("a page that cannot be drawn says so, and the rest of the console goes on", async (t) => {
  const server = await serve(t);
  const id = await server.deploy("healthy", CODE);
  const worker = await (await fetch(`${server.url}/api/workers/${id}`)).json();
  const page = await open(t, "about:blank", { mayFail: true });
  await page.route("**/api/workers", (route) => route.fulfill({ json: [{ ...worker, functions: null }] }));
  await page.goto(server.url);
  await page.getByRole("heading", { name: "This page does not work" }).waitFor();
  await page.getByRole("alert").filter({ hasText: "Your workers are not affected" }).waitFor();
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Deploy" }).click();
  await page.getByRole("heading", { name: "Deploy a worker" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "This page does not work" }).waitFor();
  await page.unrouteAll();
  await page.getByRole("button", { name: "Reload" }).click();
  await page.locator(`[data-worker="${id}"]`).waitFor();
});

test("of five thousand workers those in sight are drawn, and every one is found", async (t) => {
  const server = await serve(t);
  const id = await server.deploy("one", CODE);
  const worker = await (await fetch(`${server.url}/api/workers/${id}`)).json();
  const page = await open(t, "about:blank");
  const many = Array.from({ length: 5_000 }, (_, index) => ({ ...worker, id: `${index}`, name: `worker ${index}` }));
  await page.route("**/api/workers", (route) => route.fulfill({ json: many }));
  await page.goto(server.url);
  await page.locator("[data-worker]").first().waitFor();
  assert.ok((await page.locator("[data-worker]").count()) <= 300);
  await page.getByRole("searchbox").fill("worker 4999");
  await page.getByText("1 worker found").waitFor();
});
