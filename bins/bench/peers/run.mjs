// What runs the function in a process that a request has started.
import process from "node:process";
import { run } from "./worker.mjs";

process.stdout.write((await run(JSON.parse(process.argv[2]))) + "\n");
