// Asks a server of its own.
import { createServer } from "node:http";
import axios from "axios";

export async function main() {
  const server = createServer((request, response) => response.setHeader("content-type", "application/json").end(JSON.stringify({ url: request.url, agent: request.headers["x-by"] })));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as any;
  const answer = await axios.get(`http://127.0.0.1:${port}/path`, { params: { a: 1 }, headers: { "x-by": "axios" } });
  const refused = await axios.get(`http://127.0.0.1:${port}/`, { timeout: 1000, validateStatus: () => false }).catch((error) => error.code);
  server.close();
  return [answer.status, answer.data, refused];
}
