// Serves a request over loopback.
import express from "express";

export async function main() {
  const app = express();
  app.use(express.json());
  app.post("/hello/:name", (request: any, response: any) => response.status(201).json({ hello: request.params.name, body: request.body }));
  app.use((error: Error, _request: unknown, response: any, _next: unknown) => response.status(500).send(error.message));
  const server = await new Promise<any>((done) => { const listening = app.listen(0, "127.0.0.1", () => done(listening)); });
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/hello/ada`, { method: "POST", headers: { "content-type": "application/json" }, body: "{\"n\":1}" });
  const result = [answer.status, await answer.json(), answer.headers.get("x-powered-by")];
  server.close();
  return result;
}
