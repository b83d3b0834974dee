/// A real server, a real browser. Every test has both for itself and leaves nothing behind.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import type { TestContext } from "node:test";

import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Debian's browser, or another that `CHROMIUM` names. */
const CHROMIUM = process.env["CHROMIUM"] ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

export interface Server {
  readonly url: string;
  readonly dataDir: string;
  deploy(name: string, code: string): Promise<string>;
  stop(): Promise<void>;
  /** Starts it again at the same address, with the same data. */
  restart(): Promise<void>;
}

/** What needs to be ended: a test, or a program that counts as one. */
export type Ending = Pick<TestContext, "after">;

/** Starts `workersd`, whose path is in `WORKERSD`, with these options. */
export async function serve(t: Ending, ...options: string[]): Promise<Server> {
  const dataDir = await mkdtemp(join(tmpdir(), "console-"));
  let process_ = await start(dataDir, "127.0.0.1:0", options);
  const { url } = process_;
  const stop = async () => {
    const ended = new Promise((resolve) => process_.child.once("exit", resolve));
    if (process_.child.exitCode === null && process_.child.kill("SIGTERM")) {
      await ended;
    }
  };
  t.after(async () => {
    await stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  return {
    url,
    dataDir,
    deploy: (name, code) => deploy(url, name, code),
    stop,
    restart: async () => {
      process_ = await start(dataDir, new URL(url).host, options);
    },
  };
}

async function start(dataDir: string, listen: string, options: string[]): Promise<{ child: ChildProcess; url: string }> {
  const program = process.env["WORKERSD"];
  if (!program) {
    throw new Error("WORKERSD must name the server's program; `./just test` sets it");
  }
  const child = spawn(program, ["serve", "--listen", listen, "--data-dir", dataDir, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^listening on (http:\S+)/.exec(line)?.[1];
    if (url) {
      child.stdout.resume();
      return { child, url };
    }
  }
  throw new Error("the server ended before it listened; its log says why");
}

export async function deploy(url: string, name: string, code: string): Promise<string> {
  const response = await fetch(`${url}/api/workers`, { method: "POST", body: JSON.stringify({ name, code }) });
  const body = (await response.json()) as { id: string };
  if (response.status !== 201) {
    throw new Error(JSON.stringify(body));
  }
  return body.id;
}

/** Stores `worker 0`, `worker 1` and so on, each a second newer than the one before, and returns their ids. */
export async function fill(server: Server, count: number): Promise<string[]> {
  await server.stop();
  const database = new DatabaseSync(join(server.dataDir, "workers.sqlite3"));
  const insert = database.prepare(
    "INSERT INTO workers (id, name, snapshot_id, functions, status, source_code, created_at, snapshot_expires_at) VALUES (?, ?, 'snap', '[\"greet\"]', 'ready', '', ?, ?)",
  );
  const column = (time: number) => new Date(time).toISOString().replace("T", " ").replace("Z", "");
  const newest = Date.now() - 60_000;
  const ids = Array.from({ length: count }, (_, index) => {
    const made = newest - (count - 1 - index) * 1000;
    const digits = made.toString(16).padStart(12, "0");
    return { made, id: `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-${index.toString(16).padStart(12, "0")}` };
  });
  database.exec("BEGIN");
  for (const [index, { made, id }] of ids.entries()) {
    insert.run(id, `worker ${index}`, column(made), column(newest + 86_400_000));
  }
  database.exec("COMMIT");
  database.close();
  await server.restart();
  return ids.map(({ id }) => id);
}

let browser: Promise<Browser> | undefined;

/** A page of its own context. The test fails if the page logs an error, or breaks its content security policy. */
export async function open(t: Ending, url: string, options: BrowserContextOptions & { mayFail?: boolean } = {}): Promise<Page> {
  browser ??= chromium.launch({ ...(CHROMIUM ? { executablePath: CHROMIUM } : {}), args: ["--no-sandbox"] });
  const { mayFail = false, ...contextOptions } = options;
  const context = await (await browser).newContext({ viewport: { width: 1360, height: 860 }, ...contextOptions });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // The browser reports every answer with a bad status; what the page makes of it is for the test to see.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      problems.push(message.text());
    }
  });
  t.after(async () => {
    await context.close();
    if (problems.length > 0 && !mayFail) {
      throw new Error(`the page complained: ${problems.join("; ")}`);
    }
  });
  await page.goto(url);
  return page;
}

/** Runs a program that is no test, and ends what it began. */
export async function main(run: (ending: Ending) => Promise<void>): Promise<void> {
  const endings: (() => unknown)[] = [];
  try {
    await run({ after: (end) => void endings.push(end as () => unknown) });
  } finally {
    for (const end of endings.reverse()) {
      await end();
    }
    await closeBrowser();
  }
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
}

/** The page of a worker. */
export const workerPage = (server: Server, id: string) => `${server.url}/#/workers/${id}`;

/** Writes a payload into its editor. */
export async function typePayload(page: Page, payload: string): Promise<void> {
  const editor = page.getByRole("textbox", { name: "Payload, JSON" });
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(payload);
}

/** Replaces the code of the deploy page. */
export async function typeCode(page: Page, code: string): Promise<void> {
  const editor = page.getByRole("textbox", { name: "Code of the worker" });
  await editor.click();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.press("Delete");
  await page.keyboard.insertText(code);
}

export const invokeButton = (page: Page) => page.getByRole("button", { name: "Invoke", exact: true });
export const logLines = (page: Page) => page.locator("[data-editor=log] .cm-line");
export const outcome = (page: Page, kind: string) => page.locator(`[data-outcome=${kind}]`);
export const streaming = (page: Page) => page.locator("[data-streaming]");
