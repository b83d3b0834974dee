/// Code to start from.

export interface Example {
  readonly key: string;
  readonly title: string;
  readonly name: string;
  readonly code: string;
  /** A payload for its first function. */
  readonly payload: string;
}

export const examples: readonly Example[] = [
  {
    key: "greeter",
    title: "Greeter: log lines, one by one",
    name: "greeter",
    payload: '{\n  "name": "Ada"\n}',
    code: `// A worker is an ES module. Every function that it exports can be invoked.
export async function greet({ name = "world" }: { name?: string }) {
  for (const word of ["Ready", "Steady", "Go"]) {
    console.log(word);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  return { text: \`Hello \${name}!\` };
}
`,
  },
  {
    key: "orders",
    title: "Order total: types and errors",
    name: "order-total",
    payload:
      '{\n  "items": [\n    { "sku": "tea", "price": 4.5, "quantity": 2 },\n    { "sku": "cup", "price": 12, "quantity": 1 }\n  ]\n}',
    code: `interface Item {
  sku: string;
  price: number;
  quantity: number;
}

export async function total({ items = [] }: { items?: Item[] }) {
  let sum = 0;
  for (const item of items) {
    if (item.quantity <= 0) {
      // The caller gets the message, the stack and this line.
      throw new RangeError(\`\${item.sku}: the quantity must be positive\`);
    }
    console.log(item.sku.padEnd(12), (item.price * item.quantity).toFixed(2));
    sum += item.price * item.quantity;
  }
  return { total: sum, count: items.length };
}

export async function cheapest({ items = [] }: { items?: Item[] }) {
  return items.toSorted((a, b) => a.price - b.price)[0] ?? null;
}
`,
  },
  {
    key: "fetch",
    title: "Fetch: call another service",
    name: "status-check",
    payload: '{\n  "url": "https://example.com"\n}',
    code: `export async function check({ url }: { url: string }) {
  const began = performance.now();
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const body = await response.text();
  console.log(response.status, response.headers.get("content-type"));
  if (!response.ok) {
    console.error(\`\${url} answered \${response.status}\`);
  }
  return { status: response.status, bytes: body.length, milliseconds: Math.round(performance.now() - began) };
}
`,
  },
  {
    key: "node",
    title: "Node.js: hash and compress",
    name: "digest",
    payload: '{\n  "text": "the same text, the same hash"\n}',
    code: `import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

export async function digest({ text = "" }: { text?: string }) {
  const compressed = gzipSync(text);
  console.log("\\x1b[32m%d\\x1b[0m bytes, compressed \\x1b[36m%d\\x1b[0m", text.length, compressed.length);
  return { sha256: createHash("sha256").update(text).digest("hex"), gzip: compressed.toString("base64") };
}

// Runs in a sandbox of its own: it can use the processor and the memory that the limits give it, and nothing else.
export async function system() {
  const { cpus, totalmem, release } = await import("node:os");
  return { node: process.version, kernel: release(), cpus: cpus().length, memory: totalmem() };
}
`,
  },
];
