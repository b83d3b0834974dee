import { execFileSync, fork } from "node:child_process";
import { Worker, isMainThread, parentPort } from "node:worker_threads";

export const value = { at: "the top" };
if (!isMainThread) {
	parentPort.postMessage("from the thread");
} else if (process.send) {
	process.send("from the fork");
	process.disconnect();
} else if (process.argv[2] === "child") {
	console.log("from the child");
} else {
	const self = await Promise.race([import(import.meta.url), new Promise((done) => setTimeout(done, 5, "itself, which is loading"))]);
	console.log("import", self);
	const said = (other) => new Promise((done, fail) => other.on("message", done).on("error", fail));
	console.log("thread", await said(new Worker(new URL(import.meta.url))));
	console.log("fork", await said(fork(import.meta.filename)));
	console.log("child", execFileSync(process.execPath, [import.meta.filename, "child"], { encoding: "utf8" }));
}
