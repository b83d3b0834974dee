import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import type { Page } from "playwright-core";

import { closeBrowser, invokeButton, open, outcome, serve, workerPage } from "./world.ts";

after(closeBrowser);

const AXE = await readFile(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
const CODE = `export async function ok() {
  console.log("\\x1b[31mred\\x1b[32m green\\x1b[33m yellow\\x1b[34m blue\\x1b[35m magenta\\x1b[36m cyan\\x1b[0m");
  console.error("on stderr");
  return { a: [1, "two", null] };
}
export async function fail() { throw new Error("no"); }`;

async function check(page: Page, what: string): Promise<void> {
  // What is scrolled half out of sight is judged as if it were that small.
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.evaluate(AXE);
  const found = (await page.evaluate(
    `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })`,
  )) as { violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] };
  const serious = found.violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const told = serious.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html}\n${node.failureSummary}`).join("\n")}`);
  assert.deepEqual(told, [], what);
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const [size, viewport] of [
    ["wide", { width: 1360, height: 860 }],
    ["phone", { width: 390, height: 844 }],
  ] as const) {
    test(`axe finds nothing serious, ${colorScheme}, ${size}`, async (t) => {
      const server = await serve(t, "--lifetime", "2d");
      const page = await open(t, server.url, { colorScheme, viewport });
      await page.getByRole("heading", { name: /^Welcome/ }).waitFor();
      await check(page, "get started");
      const id = await server.deploy("colourful", CODE);
      await page.locator(`[data-worker="${id}"]`).waitFor();
      await check(page, "workers");
      await page.goto(`${server.url}/#/deploy`);
      await page.locator("[data-editor=code] .cm-content").waitFor();
      await check(page, "deploy");
      await page.goto(workerPage(server, id));
      await invokeButton(page).click();
      await outcome(page, "result").locator(".cm-content").waitFor();
      await check(page, "a result");
      await page.getByLabel("Function").selectOption("fail");
      await invokeButton(page).click();
      await outcome(page, "error").waitFor();
      await check(page, "an error");
      await page.goto(`${workerPage(server, id)}/source`);
      await page.locator("[data-editor=code] .cm-content").waitFor();
      await check(page, "the source");
      await page.goto(`${workerPage(server, id)}/api`);
      await page.getByRole("heading", { name: "Look after it" }).waitFor();
      await check(page, "commands");
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await check(page, "delete");
      const width = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(width <= 0, "nothing is wider than the screen");
    });
  }
}

test("deploy and invoke by keyboard alone", async (t) => {
  const server = await serve(t);
  const page = await open(t, `${server.url}/#/deploy`);
  await page.locator("[data-editor=code] .cm-content").waitFor();
  await page.getByLabel("Name").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Code of the worker");
  // Escape and Tab leave the editor.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "checkbox");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Deploy");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "greeter" }).waitFor();
  await page.getByLabel("Function").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+Enter");
  await outcome(page, "result").waitFor();
});
