// The peer that everybody would write first: starts a process for every request, and answers with what it prints.
//
// Usage: spawn-server.mjs PROGRAM ARGUMENT...; the request's body comes as last argument.
import { spawn } from "node:child_process";
import { createServer } from "node:http";

const [program, ...args] = process.argv.slice(2);

const server = createServer(async (request, response) => {
  let payload = "";
  for await (const chunk of request) payload += chunk;
  const child = spawn(program, [...args, payload], { stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stdout.on("data", (chunk) => response.write(chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  child.on("error", (error) => response.end(`\n${error}`));
  child.on("close", (code, signal) => response.end(code === 0 ? "" : `\nended with ${code ?? signal}: ${errors}`));
  response.on("close", () => child.kill("SIGKILL"));
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
