// Answers requests that it is given.
import { Hono } from "hono";
import { logger } from "hono/logger";

const app = new Hono();
app.use(logger());
app.get("/hello/:name", (context) => context.json({ hello: context.req.param("name") }));

export async function main() {
  const answer = await app.request("/hello/ada");
  return [answer.status, await answer.json(), (await app.request("/nowhere")).status];
}
export default { fetch: app.fetch };
