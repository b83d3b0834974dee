/// The console's sources, for the checks.

import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const SOURCES = fileURLToPath(new URL("../src", import.meta.url));

export interface Source {
  /** Relative to `src`. */
  readonly path: string;
  readonly text: string;
}

/** All files of the console but its tests. */
export function sources(pattern: string): readonly Source[] {
  return globSync(pattern, { cwd: SOURCES })
    .filter((path) => !path.endsWith(".test.ts"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(SOURCES, path), "utf8") }));
}

const IMPORT = /(?:^import\b|^export\b[^;"]*?\bfrom\b|\bimport\()[^;"]*?"(\.[^"]+)"/gm;

/** The files that a source imports, relative to `src`; types count too. */
export function importsOf({ path, text }: Source): readonly string[] {
  return [...text.matchAll(IMPORT)].map(([, specifier = ""]) => normalize(join(dirname(path), specifier)));
}
