import { readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Plugin } from "vite";

const MODULE = /\.module\.css$/;
/** Classes and animations of a module; what stands in `:global()` is not its own. */
const NAMES = /:global\([^)]*\)|\.([a-zA-Z]\w*)|@keyframes (\w+)/g;

/**
 * Gives the classes of CSS modules the names that they have in the page, and keeps the styles of every module that is
 * imported.
 */
export function styles(): Plugin {
  return {
    name: "styles",
    enforce: "post",
    config: (_, { command }) => ({ css: { modules: { generateScopedName: command === "build" ? shortNames() : longName } } }),
    transform: {
      filter: { id: MODULE },
      // The names are put where they are used, which leaves nothing of the module; Vite would then drop its styles.
      handler: (code) => ({ code, map: null, moduleSideEffects: "no-treeshake" }),
    },
  };
}

/** Names that show which file they come from, for development. */
function longName(name: string, path: string): string {
  return `${basename(path, ".module.css")}-${name}`;
}

/** The paths of all CSS modules. */
function modules(): string[] {
  const sources = resolve("src");
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" });
  return files
    .filter((file) => MODULE.test(file))
    .map((file) => join(sources, file))
    .sort();
}

/** The shortest names: numbers in the order of the files, so that each build of the same sources gives the same. */
function shortNames(): (name: string, path: string) => string {
  const numbers = new Map<string, number>();
  for (const path of modules()) {
    for (const [, name, animation] of readFileSync(path, "utf8").matchAll(NAMES)) {
      const key = `${path} ${name ?? animation}`;
      if ((name ?? animation) && !numbers.has(key)) {
        numbers.set(key, numbers.size);
      }
    }
  }
  return (name, path) => {
    const number = numbers.get(`${path} ${name}`);
    if (number === undefined) {
      throw new Error(`build/styles.ts did not find ${name} in ${path}`);
    }
    return `_${number.toString(36)}`;
  };
}
