import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { GENERATED, generate } from "./api-types.ts";

test("the types of the API are those of the server's OpenAPI document", async () => {
  assert.equal(await readFile(GENERATED, "utf8"), await generate(), "run `./just console-types`");
});
