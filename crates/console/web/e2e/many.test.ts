import assert from "node:assert/strict";
import { after, test } from "node:test";

import { closeBrowser, fill, open, serve } from "./world.ts";

after(closeBrowser);

const CODE = "export async function greet() { return 'hello'; }";

test("of ten thousand workers the newest are there at once, every one is found, and the page never freezes", async (t) => {
  const server = await serve(t);
  const ids = await fill(server, 10_000);
  const page = await open(t, "about:blank");
  await page.addInitScript(() => {
    Object.assign(window, { longest: 0 });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) {
        Object.assign(window, { longest: Math.max((window as unknown as { longest: number }).longest, duration) });
      }
    }).observe({ type: "longtask", buffered: true });
  });
  const began = performance.now();
  await page.goto(server.url);
  await page.locator(`[data-worker="${ids.at(-1)}"]`).waitFor();
  const first = performance.now() - began;
  await page.getByText("10,000", { exact: true }).waitFor();
  const all = performance.now() - began;
  await page.getByRole("searchbox").fill("worker 0");
  await page.getByText("1 worker found").waitFor();
  await page.locator(`[data-worker="${ids[0]}"]`).waitFor();

  // What happens elsewhere is seen, at the end of the list as at its beginning.
  await fetch(`${server.url}/api/workers/${ids[0]}`, { method: "DELETE" });
  await page.getByText("No worker has “worker 0” in its name.").waitFor();
  await page.getByRole("searchbox").fill("");
  const fresh = await server.deploy("fresh", CODE);
  await page.locator(`[data-worker="${fresh}"]`).waitFor();
  assert.equal(await page.locator("[data-worker]").first().getAttribute("data-worker"), fresh);
  assert.ok((await page.locator("[data-worker]").count()) <= 300);
  const longest = (await page.evaluate("window.longest")) as number;
  t.diagnostic(`first workers after ${first.toFixed()} ms, all after ${all.toFixed()} ms, longest task ${longest.toFixed()} ms`);
  assert.ok(longest < 1000, `the page was busy for ${longest} ms`);
});

test("what happens while the pages are being read is not undone by a page that is older", async (t) => {
  const server = await serve(t);
  const ids = await fill(server, 1_500);
  const page = await open(t, "about:blank");
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let isRead: () => void = () => undefined;
  const read = new Promise<void>((resolve) => {
    isRead = resolve;
  });
  await page.route("**/api/workers?*", async (route) => {
    const response = await route.fetch();
    isRead();
    await released;
    await route.fulfill({ response });
  });
  await page.goto(server.url);
  await page.getByText("1,000 so far").waitFor();
  await page.locator(`[data-worker="${ids.at(-1)}"]`).waitFor();
  await read;
  // The second page is on its way, with this worker on it.
  await fetch(`${server.url}/api/workers/${ids[0]}`, { method: "DELETE" });
  await fetch(`${server.url}/api/workers/${ids.at(-1)}`, { method: "DELETE" });
  await page.locator(`[data-worker="${ids.at(-1)}"]`).waitFor({ state: "detached" });
  const fresh = await server.deploy("fresh", CODE);
  await page.locator(`[data-worker="${fresh}"]`).waitFor();
  release();
  await page.getByText("1,499", { exact: true }).waitFor();
  assert.equal(await page.locator(`[data-worker="${fresh}"]`).count(), 1);
  await page.getByRole("searchbox").fill("worker 0");
  await page.getByText("No worker has “worker 0” in its name.").waitFor();
});

test("a worker's page is there though its worker is on none of the pages that have been read, and so is the list of a server below a path", async (t) => {
  const server = await serve(t);
  const ids = await fill(server, 1_001);
  const page = await open(t, "about:blank");
  // As a proxy does that adds a path.
  await page.route("**/vendor/**", async (route) => {
    const url = new URL(route.request().url());
    const response = await route.fetch({ url: `${url.origin}${url.pathname.replace("/vendor", "")}${url.search}` });
    await route.fulfill({ response });
  });
  let isHeld = true;
  await page.route("**/vendor/api/workers?*", (route) => (isHeld ? new Promise(() => undefined) : route.fallback()));
  // An answer that the browser is given whole never ends otherwise.
  await page.route("**/vendor/api/workers/events", (route) => route.fulfill({ contentType: "text/event-stream", body: "" }));
  await page.goto(`${server.url}/vendor/#/workers/${ids[0]}`);
  await page.getByRole("heading", { name: "worker 0" }).waitFor();
  isHeld = false;
  await page.goto(`${server.url}/vendor/`);
  await page.getByText("1,001", { exact: true }).waitFor();
  // What the page asks for from here on is of no interest, and the server ends before the page does.
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.goto("about:blank");
});
