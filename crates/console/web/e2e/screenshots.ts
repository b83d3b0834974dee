/// Takes the pictures of docs/console.md: every screen, in both themes, wide and on a phone.

import { mkdir } from "node:fs/promises";

import type { Page } from "playwright-core";

import { deploy, invokeButton, logLines, main, open, outcome, serve, typeCode, typePayload } from "./world.ts";

const FOLDER = process.argv[2] ?? "docs/console";
const SIZES = { wide: { width: 1360, height: 860 }, phone: { width: 390, height: 844 } } as const;

const ORDERS = `interface Item { sku: string; price: number; quantity: number }

export async function total({ items = [] }: { items?: Item[] }) {
  console.log("\\x1b[36mpricing\\x1b[0m", items.length, "items");
  let sum = 0;
  for (const item of items) {
    if (item.quantity <= 0) {
      throw new RangeError(\`\${item.sku}: the quantity must be positive\`);
    }
    console.log(item.sku.padEnd(8), "\\x1b[32m" + (item.price * item.quantity).toFixed(2) + "\\x1b[0m");
    sum += item.price * item.quantity;
  }
  if (sum < 20) console.error("below the minimum order");
  return { total: sum, currency: "EUR", items: items.length };
}

export async function report() {
  for (let step = 1; ; step += 1) {
    console.log("step", step, { rows: step * 128, ok: true });
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}
`;

const PAYLOAD = `{
  "items": [
    { "sku": "tea", "price": 4.5, "quantity": 2 },
    { "sku": "cup", "price": 8, "quantity": 1 }
  ]
}`;

await mkdir(FOLDER, { recursive: true });
await main(async (ending) => {
  const empty = await serve(ending);
  const guarded = await serve(ending, "--admin-token", "s3cret");
  const server = await serve(ending);
  const short = await serve(ending, "--lifetime", "2d");
  for (const name of ["thumbnailer", "invoice-mailer", "webhook-relay", "order-total"]) {
    await deploy(server.url, name, ORDERS);
  }
  const id = await deploy(short.url, "order-total", ORDERS);
  const list = (await (await fetch(`${server.url}/api/workers`)).json()) as Record<string, unknown>[];
  const states = stateful(list);

  for (const colorScheme of ["light", "dark"] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      const shot = async (page: Page, name: string) => {
        await page.mouse.move(0, 0);
        await page.evaluate(() => window.scrollTo(0, 0));
        // Fonts and transitions have come to rest.
        await page.evaluate(() => document.fonts.ready);
        await page.waitForTimeout(250);
        await page.screenshot({ path: `${FOLDER}/${name}-${size}-${colorScheme}.png`, fullPage: size === "phone" });
      };
      const at = (url: string) => open(ending, url, { colorScheme, viewport });

      let page = await at(empty.url);
      await page.getByRole("heading", { name: /^Welcome/ }).waitFor();
      await shot(page, "get-started");

      page = await at(guarded.url);
      await page.getByRole("heading", { name: /^Sign in/ }).waitFor();
      await shot(page, "sign-in");

      page = await at("about:blank");
      await page.route("**/api/workers", (route) => route.fulfill({ json: states }));
      await page.goto(server.url);
      await page.locator("[data-worker]").first().waitFor();
      await shot(page, "workers");

      page = await at(`${server.url}/#/deploy`);
      await page.locator("[data-editor=code] .cm-content").waitFor();
      await page.getByLabel("Start from an example").selectOption("orders");
      await shot(page, "deploy");
      await typeCode(page, "export async function greet({ name }) {\n  console.log(`hello ${name}`;\n  return name;\n}\n");
      await page.getByRole("button", { name: "Deploy", exact: true }).click();
      await page.getByRole("alert").waitFor();
      await shot(page, "deploy-mistake");

      page = await at(`${server.url}/#/workers/${String(list[0]?.["id"])}`);
      await page.getByLabel("Function").selectOption("report");
      await invokeButton(page).click();
      await logLines(page).filter({ hasText: "step 30 " }).waitFor();
      await shot(page, "running");
      await page.getByLabel("Function").selectOption("total");
      await typePayload(page, PAYLOAD);
      await invokeButton(page).click();
      await outcome(page, "result").locator(".cm-content").waitFor();
      await shot(page, "result");
      await typePayload(page, PAYLOAD.replace('"quantity": 1', '"quantity": 0'));
      await invokeButton(page).click();
      await outcome(page, "error").waitFor();
      await shot(page, "error");
      await page.getByRole("link", { name: /worker\.ts/ }).click();
      await page.locator(".cm-pointed").waitFor();
      await shot(page, "source");
      await page.getByRole("tab", { name: "curl" }).click();
      await shot(page, "curl");

      page = await at(`${short.url}/#/workers/${id}`);
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByRole("dialog").waitFor();
      await page.waitForTimeout(250);
      await page.screenshot({ path: `${FOLDER}/delete-${size}-${colorScheme}.png` });
      await page.context().close();
    }
  }
});

/** The list with a worker in every state, and ages that differ. */
function stateful(list: Record<string, unknown>[]): Record<string, unknown>[] {
  const now = Date.now();
  const time = (hours: number) => new Date(now + hours * 3_600_000).toISOString();
  const [first = {}] = list;
  const changes = [
    { createdAt: time(-0.2), lastInvokedAt: time(-0.05), snapshotExpiresAt: time(167.8) },
    { createdAt: time(-20), lastInvokedAt: time(-3), snapshotExpiresAt: time(148) },
    { createdAt: time(-124), lastInvokedAt: time(-26), snapshotExpiresAt: time(44), expiresInDays: 2 },
    { createdAt: time(-130), snapshotExpiresAt: time(38), expiresInDays: 2 },
  ];
  return [
    ...list.map((worker, index) => ({ ...worker, ...changes[index] })),
    {
      ...first,
      id: "e",
      name: "report-builder",
      status: "expired",
      expiresInDays: 0,
      createdAt: time(-190),
      snapshotExpiresAt: time(-22),
      lastInvokedAt: time(-30),
    },
    {
      ...first,
      id: "f",
      name: "image-classifier",
      status: "error",
      functions: ["classify"],
      errorMessage: "The sandbox provider could not make a snapshot of the code.",
      createdAt: time(-200),
      snapshotId: null,
      snapshotExpiresAt: null,
      lastInvokedAt: null,
      expiresInDays: 0,
    },
  ];
}
