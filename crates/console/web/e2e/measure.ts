/// Measures the console in a real browser against a real server: sizes, the time until it can be used, and the time
/// from a log event to the painted line. Prints a Markdown table.

import { deploy, invokeButton, main, open, outcome, serve, typePayload, workerPage } from "./world.ts";

const ROUNDS = 7;
const WORKERS = 100;
const LINES = 10_000;
/** As a slow laptop or a phone: the browser's own throttling. */
const SLOW_CPU = 4;

const CODE = `export async function tick({ lines }: { lines: number }) {
  const began = performance.now();
  for (let line = 0; line < lines; ) {
    const due = Math.min(lines, Math.floor(performance.now() - began));
    for (; line < due; line += 1) console.log(\`\${Date.now()} line \${line} of some text as logs have it\`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}`;

await main(async (ending) => {
  const server = await serve(ending, "--max-log", "64MiB");
  const id = await deploy(server.url, "ticker", CODE);
  for (let index = 1; index < WORKERS; index += 1) {
    await deploy(server.url, `worker-${index}`, CODE);
  }
  const rows: [string, string][] = [];
  rows.push(...(await sizes(server.url)));
  for (const [name, rate] of [
    ["", 1],
    [`, processor ${SLOW_CPU} times slower`, SLOW_CPU],
  ] as const) {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      times.push(await timeToInteractive(server.url, rate));
    }
    rows.push([`cold load to ${WORKERS} workers listed and the main thread free${name}`, `${Math.round(quantile(times, 0.5))} ms`]);
  }
  const latencies = await paintLatency();
  for (const [name, share] of [
    ["p50", 0.5],
    ["p95", 0.95],
    ["p99", 0.99],
  ] as const) {
    rows.push([`log event to painted line, 1,000 lines a second, ${name}`, `${quantile(latencies, share).toFixed(1)} ms`]);
  }
  rows.push(["lines seen painted, of those", `${latencies.length.toLocaleString("en")} of ${LINES.toLocaleString("en")}`]);
  rows.push(["the browser", (await version()) ?? "unknown"]);
  process.stdout.write(`| what | measured |\n|---|---|\n${rows.map(([what, value]) => `| ${what} | ${value} |\n`).join("")}`);

  async function version() {
    const page = await open(ending, "about:blank");
    return page.context().browser()?.version();
  }

  /** Until the list is painted and the browser has nothing left to do. */
  async function timeToInteractive(url: string, rate: number): Promise<number> {
    const page = await open(ending, "about:blank");
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate });
    await page.goto(url);
    const time = await page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          const look = () => {
            if (document.querySelectorAll("[data-worker]").length >= 100) {
              // After the paint, when the browser is free to take a click.
              requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0));
            } else {
              requestAnimationFrame(look);
            }
          };
          look();
        }),
    );
    await page.context().close();
    return time;
  }

  async function paintLatency(): Promise<number[]> {
    const page = await open(ending, workerPage(server, id));
    await typePayload(page, `{"lines": ${LINES}}`);
    await page.evaluate(() => {
      const seen = new Map<string, number>();
      Object.assign(window, { seen });
      let fresh: [string, number][] = [];
      const painted = () => {
        const now = performance.timeOrigin + performance.now();
        for (const [text, printed] of fresh) {
          seen.set(text, now - printed);
        }
        fresh = [];
      };
      const channel = new MessageChannel();
      channel.port1.onmessage = painted;
      new MutationObserver((records) => {
        for (const record of records) {
          for (const node of record.addedNodes) {
            const text = node.textContent ?? "";
            const printed = /^(\d{13}) line \d+ /.exec(text)?.[1];
            if (printed && !seen.has(text)) {
              fresh.push([text, Number(printed)]);
            }
          }
        }
        // Lines are drawn within a frame; this message is handled once that frame is painted.
        channel.port2.postMessage(null);
      }).observe(document.body, { childList: true, subtree: true });
    });
    await invokeButton(page).click();
    await outcome(page, "result").waitFor({ timeout: 60_000 });
    return (await page.evaluate("[...window.seen.values()]")) as number[];
  }
});

/** What the first page loads, and what comes when an editor is wanted, as they are sent. */
async function sizes(url: string): Promise<[string, string][]> {
  const get = async (path: string) => {
    const response = await fetch(new URL(path, `${url}/`), { headers: { "Accept-Encoding": "br" } });
    const sent = Number(response.headers.get("Content-Length"));
    return { sent, text: await response.text() };
  };
  const page = await get(".");
  const linked = [...page.text.matchAll(/(?:src|href)="(\.\/[^"]+)"/g)].map((match) => match[1] ?? "");
  const parts = await Promise.all([...new Set(linked)].map(async (path) => ({ path, ...(await get(path)) })));
  const lazy = parts.flatMap(({ text }) =>
    [...text.matchAll(/assets\/[\w-]+\.(?:js|css)|\.\/[\w-]+-[\w-]{8}\.js/g)].map((match) => match[0]),
  );
  const first = new Set(parts.map(({ path }) => path.split("/").at(-1)));
  const later = new Set(lazy.map((path) => path.split("/").at(-1) ?? "").filter((name) => !first.has(name)));
  const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`;
  const sum = (of: { sent: number }[]) => of.reduce((total, part) => total + part.sent, 0);
  const editors = await Promise.all([...later].map((name) => get(`assets/${name}`)));
  return [
    ["first load, compressed (brotli)", kB(page.sent + sum(parts))],
    ["the editors, when they are first wanted", kB(sum(editors))],
  ];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
