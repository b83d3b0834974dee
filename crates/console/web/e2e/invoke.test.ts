import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";

import { closeBrowser, invokeButton, logLines, open, outcome, serve, streaming, typePayload, workerPage } from "./world.ts";

after(closeBrowser);

const SLOW = `export async function slow({ lines = 4, pause = 300 }: { lines?: number; pause?: number }) {
  for (let line = 1; line <= lines; line += 1) {
    console.log("line", line);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  console.error("the last one");
  return { lines };
}
export async function flood({ lines }: { lines: number }) {
  for (let line = 1; line <= lines; line += 1) console.log("flood " + line);
  return lines;
}
export async function fail() {
  console.log("before");
  throw new TypeError("no luck");
}
export async function forever() {
  console.log("begun");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
export async function colors() {
  console.log("\\x1b[31mred\\x1b[0m and plain");
  return [1, { big: 12 }];
}`;

test("lines appear one at a time, then the result, and the streaming sign comes and goes", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  // The page loads its log with the first invocation; lines that come meanwhile appear together.
  await page.getByLabel("Function").selectOption("colors");
  await invokeButton(page).click();
  await logLines(page).filter({ hasText: "red and plain" }).waitFor();
  await outcome(page, "result").waitFor();
  await page.getByLabel("Function").selectOption("slow");
  // Notes when each line, the sign and the result first stand in the page.
  await page.evaluate(() => {
    const seen: Record<string, number> = {};
    Object.assign(window, { seen });
    // Lines that appear together get the same time.
    let now = 0;
    const note = (key: string) => {
      seen[key] ??= now;
    };
    new MutationObserver(() => {
      now = performance.now();
      for (const line of document.querySelectorAll("[data-editor=log] .cm-line")) {
        if (line.textContent) note(line.textContent);
      }
      if (document.querySelector("[data-streaming]")) note("streaming");
      else if (seen["streaming"] !== undefined) note("streamed");
      if (document.querySelector("[data-outcome=result]")?.textContent?.includes('"lines"')) note("result");
    }).observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  await invokeButton(page).click();
  await streaming(page).waitFor();
  await outcome(page, "result").filter({ hasText: '"lines": 4' }).waitFor();
  await streaming(page).waitFor({ state: "detached" });
  const seen = (await page.evaluate("window.seen")) as Record<string, number>;
  const at = (key: string) => seen[key] ?? assert.fail(`${key} never appeared: ${JSON.stringify(seen)}`);
  for (const line of [2, 3, 4]) {
    assert.ok(at(`line ${line}`) > at(`line ${line - 1}`), `line ${line} came with the one before, or earlier`);
  }
  const apart = at("line 4") - at("line 1");
  assert.ok(apart > 300, `all lines appeared within ${apart} ms of the 900 in which they were printed`);
  assert.ok(at("streaming") <= at("line 1"));
  assert.ok(at("the last one") <= at("result"), "the result comes after the log");
  assert.ok(at("streamed") >= at("line 4"));
  assert.match((await page.locator("[data-stream=stderr]").textContent()) ?? "", /the last one/);
});

test("a hundred thousand lines are all there, searched, and scrolled through", async (t) => {
  const server = await serve(t, "--max-log", "64MiB");
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await page.getByLabel("Function").selectOption("flood");
  await typePayload(page, '{"lines": 100000}');
  await invokeButton(page).click();
  await outcome(page, "result").waitFor({ timeout: 60_000 });
  await page.getByText("100,000 lines", { exact: true }).waitFor();
  await logLines(page)
    .filter({ hasText: /^flood 100000$/ })
    .waitFor();
  assert.ok((await logLines(page).count()) < 500, "only lines in sight are drawn");

  // The reader scrolls up, and the log no longer follows its end.
  await page.locator("[data-editor=log]").hover();
  await page.mouse.wheel(0, -5_000);
  const follow = page.getByRole("button", { name: "To the end ↓" });
  await follow.waitFor();
  await follow.click();
  await logLines(page)
    .filter({ hasText: /^flood 100000$/ })
    .waitFor();

  await page.getByRole("button", { name: "Search the log" }).click();
  await page.getByRole("searchbox", { name: "Search the log" }).fill("flood 4321");
  await page.getByText("11 found").waitFor();
  await page.locator("[data-match=current]").waitFor();

  await page.getByRole("button", { name: "Clear the log" }).click();
  await page.waitForFunction(() => !document.querySelector("[data-editor=log]")?.textContent?.includes("flood"));
});

test("the end is followed until the reader scrolls up, and again when he comes back", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await typePayload(page, '{"lines": 5500, "pause": 5}');
  await invokeButton(page).click();
  await page.waitForFunction(() => (document.querySelector("[data-editor=log] .cm-scroller")?.scrollTop ?? 0) > 200);
  await page.locator("[data-editor=log]").hover();
  await page.mouse.wheel(0, -150);
  await page.getByRole("button", { name: "Follow the log ↓" }).waitFor();
  const before = await restingTop(page);
  const top = () => page.locator("[data-editor=log] .cm-scroller").evaluate((scroller) => scroller.scrollTop);
  const lines = await page.locator("[data-invocation]").textContent();
  await page.waitForFunction((text) => document.querySelector("[data-invocation]")?.textContent !== text, lines);
  assert.ok(Math.abs((await top()) - before) < 5, "what he reads stays where it is");
  await page.mouse.wheel(0, 100_000);
  await page.getByRole("button", { name: "Follow the log ↓" }).waitFor({ state: "detached" });
  assert.equal(await streaming(page).count(), 1, "the end is followed before the invocation ends");
  await page.getByRole("button", { name: "Stop", exact: true }).click();
});

test("stop cancels", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await page.getByLabel("Function").selectOption("forever");
  await invokeButton(page).click();
  await logLines(page).filter({ hasText: "begun" }).waitFor();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await outcome(page, "stopped").waitFor();
  assert.equal(await streaming(page).count(), 0);
  // The server counts it as cancelled once its sandbox is gone.
  const cancelled = async () =>
    /workers_invocations_total\{outcome="cancelled"\} 1/.test(await (await fetch(`${server.url}/metrics`)).text());
  const deadline = Date.now() + 5_000;
  while (!(await cancelled())) {
    assert.ok(Date.now() < deadline, "the invocation goes on");
  }
});

test("two run at once, each in a tab of its own", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await typePayload(page, '{"lines": 6, "pause": 250}');
  await invokeButton(page).click();
  await logLines(page).filter({ hasText: "line 1" }).waitFor();
  await typePayload(page, '{"lines": 2, "pause": 10}');
  await invokeButton(page).click();
  const tabs = page.getByRole("tablist", { name: "Invocations" }).getByRole("tab");
  assert.equal(await tabs.count(), 2);
  await outcome(page, "result").waitFor();
  assert.match((await outcome(page, "result").textContent()) ?? "", /"lines": 2/);
  await tabs.first().click();
  await outcome(page, "result").filter({ hasText: '"lines": 6' }).waitFor();
  await logLines(page).filter({ hasText: "line 6" }).waitFor();
  // By keyboard: the arrow chooses, Delete closes.
  await tabs.first().focus();
  await page.keyboard.press("ArrowRight");
  assert.equal(await tabs.nth(1).getAttribute("aria-selected"), "true");
  await page.keyboard.press("Delete");
  await tabs.nth(1).waitFor({ state: "detached" });
});

test("an error shows its stack, and a click leads to the line", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await page.getByLabel("Function").selectOption("fail");
  await invokeButton(page).click();
  await outcome(page, "error").waitFor();
  const text = (await outcome(page, "error").textContent()) ?? "";
  assert.match(text, /thrown/);
  assert.match(text, /TypeError: no luck/);
  await page.getByRole("link", { name: /worker\.ts:15:/ }).click();
  await page.locator(".cm-pointed").filter({ hasText: 'throw new TypeError("no luck")' }).waitFor();
});

test("terminal colours are shown, and the result is formatted", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await page.getByLabel("Function").selectOption("colors");
  await invokeButton(page).click();
  await outcome(page, "result").waitFor();
  assert.equal(await page.locator('[style*="--ansi-red"]').textContent(), "red");
  assert.equal(await logLines(page).first().textContent(), "red and plain");
  assert.equal(await page.locator("[data-editor=json] .cm-line").count(), 6);
});

test("a payload is checked while it is typed, and remembered", async (t) => {
  const server = await serve(t);
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)));
  await typePayload(page, '{"lines": 1,}');
  await page.getByText("line 1, column 13").waitFor();
  assert.ok(await invokeButton(page).isDisabled());
  await typePayload(page, '{"lines": 1}');
  await invokeButton(page).click();
  await outcome(page, "result").waitFor();
  await page.reload();
  await page.getByRole("textbox", { name: "Payload, JSON" }).filter({ hasText: '{"lines": 1}' }).waitFor();
  await page.getByLabel("Last payloads").getByRole("option", { name: '{"lines": 1}' }).waitFor({ state: "attached" });
});

test("a lost connection ends an invocation clearly, and the list comes back by itself", async (t) => {
  const server = await serve(t, "--drain-timeout", "0s");
  const page = await open(t, workerPage(server, await server.deploy("slow", SLOW)), { mayFail: true });
  await page.getByLabel("Function").selectOption("forever");
  await invokeButton(page).click();
  await logLines(page).filter({ hasText: "begun" }).waitFor();
  await page.context().setOffline(true);
  await server.stop();
  await page.getByText("The connection to the server is lost").waitFor();
  await page.locator("[data-outcome=lost], [data-outcome=error]").waitFor();
  assert.equal(await streaming(page).count(), 0);
  await server.restart();
  await page.context().setOffline(false);
  await page.getByText("The connection to the server is lost").waitFor({ state: "detached" });
  const id = await server.deploy("deployed meanwhile", SLOW);
  await page.goto(`${server.url}/#/`);
  await page.locator(`[data-worker="${id}"]`).waitFor();
});

/** Where the log is scrolled to, once the browser has finished the smooth scroll that a turn of the wheel begins. */
function restingTop(page: Page): Promise<number> {
  return page.locator("[data-editor=log] .cm-scroller").evaluate(
    (scroller) =>
      new Promise<number>((resolve) => {
        let [last, frames] = [scroller.scrollTop, 0];
        const look = () => {
          frames = scroller.scrollTop === last ? frames + 1 : 0;
          last = scroller.scrollTop;
          if (frames === 30) {
            resolve(last);
          } else {
            requestAnimationFrame(look);
          }
        };
        requestAnimationFrame(look);
      }),
  );
}
