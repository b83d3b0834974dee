// Starts Node for every request, bare or in bubblewrap, and answers with what it printed.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const directory = dirname(fileURLToPath(import.meta.url));
const node = [process.execPath, `${directory}/run.mjs`];
const bwrap = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", ...node];
const [program, ...args] = process.argv[2] === "bwrap" ? bwrap : node;

const server = createServer(async (request, response) => {
  let payload = "";
  for await (const chunk of request) payload += chunk;
  execFile(program, [...args, payload], (error, stdout) => {
    response.writeHead(error ? 500 : 200, { "content-type": "text/plain" });
    response.end(error ? String(error) : stdout);
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
