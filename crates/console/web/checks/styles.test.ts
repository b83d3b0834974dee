/// The compiler does not look into CSS modules, so this does.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";

import { importsOf, SOURCES, sources } from "./sources.ts";

const modules = sources("**/*.module.css");
const code = sources("**/*.{ts,tsx}");

const declared = new Set(
  modules.flatMap(({ path, text }) => {
    const own = text.replaceAll(/\/\*.*?\*\/|:global\([^)]*\)|\d\.\d+/gs, "");
    return [...own.matchAll(/\.([a-zA-Z]\w*)/g)].map(([, name]) => `${path} ${name}`);
  }),
);

const used = new Set(
  code.flatMap((file) => {
    const imported = [...file.text.matchAll(/^import \* as (\w+) from "[^"]+\.module\.css";$/gm)].map(([, name = ""]) => name);
    const paths = importsOf(file).filter((path) => path.endsWith(".module.css"));
    assert.equal(imported.length, paths.length, `${file.path} imports a CSS module in another way than \`import * as\``);
    const body = file.text.replaceAll(/^import .*$/gm, "");
    return imported.flatMap((name, index) =>
      [...body.matchAll(new RegExp(`(?<![\\w.])${name}\\.(\\w+)`, "g"))].map(([, member]) => `${paths[index]} ${member}`),
    );
  }),
);

test("every class that is used is in its module", () => {
  assert.ok(used.size > 100, "the uses are read");
  assert.deepEqual(
    [...used].filter((name) => !declared.has(name)),
    [],
  );
});

test("every class of a module is used", () => {
  assert.deepEqual(
    [...declared].filter((name) => !used.has(name)),
    [],
  );
});

test("every module belongs to a component beside it, or is shared and in ui", () => {
  const names = new Set(code.map(({ path }) => path.replace(/\.tsx?$/, "")));
  const alone = modules.map(({ path }) => path.replace(/\.module\.css$/, "")).filter((path) => !names.has(path));
  assert.deepEqual(
    alone.map((path) => path.replace(/\/[^/]*$/, "")).filter((folder) => folder !== "ui"),
    [],
    SOURCES,
  );
});

test("what is global has no classes", () => {
  for (const { path, text } of sources("styles/*.css")) {
    assert.deepEqual(text.replaceAll(/\/\*.*?\*\//gs, "").match(/(?<![\w\d])\.[a-z][\w-]*/g), null, basename(path));
  }
});
