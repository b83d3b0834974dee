/// What may import what: `app` is made of `features`, these of `ui` and `data`, and all of them of `lib`.

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";

import { importsOf, sources } from "./sources.ts";

const RANKS: Readonly<Record<string, number>> = { lib: 0, data: 1, ui: 1, features: 2, app: 3 };

const files = sources("**/*.{ts,tsx}");
const imports = new Map(files.map((file) => [file.path, importsOf(file).filter((path) => /\.tsx?$/.test(path))]));

/** The folder at the top, `""` for what stands beside these. */
const top = (path: string) => (path.includes("/") ? (path.split("/")[0] ?? "") : "");

/** Each import, as the file and what it imports. */
const pairs = [...imports].flatMap(([from, to]) => to.map((path) => [from, path] as const));

/** A way from a node back to itself; `null` if there is none. */
function circle(graph: ReadonlyMap<string, Iterable<string>>): readonly string[] | null {
  const done = new Set<string>();
  const visit = (node: string, way: readonly string[]): readonly string[] | null => {
    if (way.includes(node)) {
      return [...way.slice(way.indexOf(node)), node];
    }
    if (done.has(node)) {
      return null;
    }
    for (const next of graph.get(node) ?? []) {
      const found = visit(next, [...way, node]);
      if (found) {
        return found;
      }
    }
    done.add(node);
    return null;
  };
  for (const node of graph.keys()) {
    const found = visit(node, []);
    if (found) {
      return found;
    }
  }
  return null;
}

/** Folders and the other folders that their files import from. */
function folders(of: (path: string) => string): ReadonlyMap<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const [from, to] of pairs) {
    if (of(from) !== of(to)) {
      graph.set(of(from), (graph.get(of(from)) ?? new Set()).add(of(to)));
    }
  }
  return graph;
}

test("every import finds a file", () => {
  assert.ok(pairs.length > 100, "the imports are read");
  assert.deepEqual(
    pairs.filter(([, to]) => !imports.has(to)),
    [],
  );
});

test("every file is in a folder whose rank is known", () => {
  assert.deepEqual(
    files.map(({ path }) => top(path)).filter((folder) => folder !== "" && folder !== "styles" && RANKS[folder] === undefined),
    [],
  );
});

test("no import goes up, or across between data and ui", () => {
  const wrong = pairs.filter(([from, to]) => {
    const [above, below] = [RANKS[top(from)], RANKS[top(to)]];
    return above !== undefined && top(from) !== top(to) && (below === undefined || below >= above);
  });
  assert.deepEqual(wrong, []);
});

test("no file imports itself by a detour", () => {
  assert.equal(circle(imports)?.join(" -> "), undefined);
});

test("no folder imports from itself by a detour", () => {
  assert.equal(circle(folders(dirname))?.join(" -> "), undefined);
});

test("no feature imports from itself by way of another", () => {
  const feature = (path: string) => path.split("/").slice(0, 2).join("/");
  assert.equal(circle(folders(feature))?.join(" -> "), undefined);
});

test("a circle is found where there is one", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  assert.deepEqual(circle(graph), ["b", "c", "b"]);
});
