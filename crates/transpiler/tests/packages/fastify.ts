// Answers one request that is put in, and one over loopback.
import fastify from "fastify";

export async function main() {
  const app = fastify();
  app.get("/hello/:name", { schema: { params: { type: "object", properties: { name: { type: "string", maxLength: 5 } } } } }, async (request: any) => ({ hello: request.params.name }));
  const injected = await app.inject("/hello/ada");
  const refused = await app.inject("/hello/far-too-long");
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  const answer = await fetch(`${address}/hello/bob`);
  const result = [injected.statusCode, injected.json(), refused.statusCode, answer.status, await answer.json()];
  await app.close();
  return result;
}
