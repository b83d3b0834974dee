// The worker as a function of the functions framework.
import { http } from "@google-cloud/functions-framework";
import { run } from "./worker.mjs";

http("run", async (request, response) => response.send(await run(request.body)));
