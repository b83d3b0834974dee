// A module that starts and imports itself in every way there is.
import { execFileSync, fork, spawn, spawnSync } from "node:child_process";
import cluster from "node:cluster";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";

const file = fileURLToPath(import.meta.url);

if (!isMainThread) {
  if (workerData?.exit !== undefined) process.exit(workerData.exit);
  if (workerData?.fails) throw new TypeError("failed in the thread");
  parentPort!.postMessage({ data: workerData, argv: process.argv.slice(2), marks: Object.keys(process.env).filter((name) => name.startsWith("WORKERS_")) });
  parentPort!.on("message", (n) => {
    parentPort!.postMessage(n + 1);
    parentPort!.close();
  });
} else if (process.send && cluster.isPrimary) {
  process.on("message", (n: number) => {
    process.send!({ sum: n + 1, argv: process.argv.slice(2), marks: Object.keys(process.env).filter((name) => name.startsWith("WORKERS_")) });
    process.disconnect();
  });
} else if (cluster.isWorker) {
  process.send!({ cluster: cluster.worker!.id });
  process.disconnect();
} else if (process.argv[2] === "child" || process.env.CHILD || process.argv[2] === "echo") {
  process.stdout.write(JSON.stringify({ argv: process.argv.slice(2), marks: Object.keys(process.env).filter((name) => name.startsWith("WORKERS_")) }));
  process.exitCode = 3;
} else if (process.argv[2] === "grandchild") {
  process.stdout.write(execFileSync(process.execPath, [file, "third"], { encoding: "utf8" }));
} else if (process.argv[2] === "third") {
  process.stdout.write("third");
}

export let counter = 0;
export const constant = { a: 1 };
export class Shape {
  area() { return 2 }
}
export enum Color { Red, Green }
export namespace Space { export const inside = 5 }
export default class { isDefault = true }
export * as timers from "node:timers";
const hidden = "string name";
export { hidden as "a name" };
export function increase() { return ++counter }
export function echo(payload: unknown) { return payload }

const settled = (worker: Worker) =>
  new Promise<any>((resolve) => {
    const seen: any[] = [];
    worker.on("message", (message) => {
      seen.push(message);
      if (typeof message === "object") worker.postMessage(1);
    });
    worker.on("error", (error) => seen.push([error.name, error.message, error.stack!.split("\n")[1]]));
    worker.on("exit", (code) => resolve([...seen, code]));
  });
export const threads = async () => [
  await settled(new Worker(new URL(import.meta.url))),
  await settled(new Worker(file, { workerData: { a: [1] }, argv: ["x"] })),
  await settled(new Worker(new URL("./worker.mjs", import.meta.url), { workerData: 1, env: { WORKERS_NOT: "ours" } })),
  await settled(new Worker(`import(${JSON.stringify(import.meta.url)})`, { eval: true, workerData: 2 })),
  await settled(new Worker(file, { workerData: { exit: 7 } })),
  await settled(new Worker(file, { workerData: { fails: true } })),
];

const answered = (child: ReturnType<typeof fork>) =>
  new Promise((resolve, reject) => {
    let message: unknown;
    child.on("message", (value) => (message = value)).on("error", reject).on("exit", (code) => resolve([message, code]));
    child.send?.(1);
  });
export const forks = async () => [await answered(fork(file)), await answered(fork(file, ["echo"])), await answered(fork(file, ["a", "b"], { env: {} }))];
export const clusters = async () => {
  const worker = cluster.fork();
  const message = await new Promise((resolve) => worker.on("message", resolve));
  await new Promise((resolve) => worker.on("exit", resolve));
  return message;
};

const printed = (args: string[], options = {}) => {
  const { stdout, status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", ...options });
  return [stdout && JSON.parse(stdout), status, stderr];
};
export const children = async () => {
  const child = spawn(process.execPath, [file, "child"]);
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  return [
    JSON.parse(text),
    printed([file, "child", "more"]),
    // The name of a function of ours is an argument like any other.
    printed([file, "echo", "{}"]),
    printed(["worker.mjs", "echo"], { cwd: file.slice(0, -11) }),
    printed([file], { env: { CHILD: "1" } }),
    printed(["--input-type=module", "-e", `import ${JSON.stringify(import.meta.url)}`, "x", "child"], { env: {} })[1],
    execFileSync(process.execPath, [file, "grandchild"], { encoding: "utf8" }),
    spawnSync(process.execPath, [file]).status,
  ];
};

export async function imports() {
  const self = await import(import.meta.url);
  const named = await import("./worker.mjs");
  const again = await import(`${import.meta.url}?again`);
  const required = createRequire(import.meta.url)(file);
  const before = self.counter;
  increase();
  self.increase();
  return {
    same: self === named && self.increase === increase && required.increase === increase, keys: Object.keys(self), live: [before, self.counter, counter],
    again: [again === self, again.increase(), again.counter, again.echo(1)], classes: [new self.Shape().area(), new self.default().isDefault, new self.default().constructor.name],
    values: [self.constant.a, self.Color.Green, self.Space.inside, typeof self.timers.setTimeout, self["a name"]],
    tag: self[Symbol.toStringTag],
  };
}
