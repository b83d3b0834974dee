// The worker as a service of workerd.
import { run } from "./worker.mjs";

export default {
  async fetch(request) {
    return new Response(await run(await request.json()));
  },
};
