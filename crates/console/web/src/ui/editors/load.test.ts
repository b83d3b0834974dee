import assert from "node:assert/strict";
import { test } from "node:test";

import { settle } from "../../../testing/time.ts";
import { EditorLoader, type Editors } from "./load.ts";

const EDITORS = {} as Editors;

function setup(...answers: readonly (Editors | Error)[]) {
  let imports = 0;
  const loader = new EditorLoader(async () => {
    const answer = answers[imports];
    imports += 1;
    if (answer instanceof Error) {
      throw answer;
    }
    return answer ?? EDITORS;
  });
  return { loader, imports: () => imports };
}

test("the editors are loaded once, however often they are wanted", async () => {
  const { loader, imports } = setup();
  loader.load();
  loader.load();
  await settle();
  loader.load();
  assert.equal(imports(), 1);
  assert.equal(loader.loaded.value, EDITORS);
});

test("editors that could not be loaded can be tried again", async () => {
  const { loader, imports } = setup(new Error("gone"), EDITORS);
  loader.load();
  await settle();
  assert.deepEqual([loader.failed.value, loader.loaded.value], [true, null]);
  loader.load();
  assert.equal(loader.failed.value, false);
  await settle();
  assert.deepEqual([imports(), loader.loaded.value], [2, EDITORS]);
});
