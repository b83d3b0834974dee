import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

const COMPRESSIBLE = /\.(js|css|svg|json|md|txt|wasm)$/;

const brotli = (bytes: Uint8Array) =>
  promisify(brotliCompress)(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
const zip = (bytes: Uint8Array) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION });

/** Writes a `.br` and a `.gz` beside each file that gets smaller: once here, and never while a browser waits. */
export function compress(): Plugin {
  let outDir = "";
  return {
    name: "compress",
    apply: "build",
    configResolved(config) {
      outDir = config.build.outDir;
    },
    async closeBundle() {
      for (const name of await readdir(outDir, { recursive: true })) {
        const path = join(outDir, name);
        if (!COMPRESSIBLE.test(name) || !(await stat(path)).isFile()) continue;
        const bytes = await readFile(path);
        const twins = [[`${path}.br`, await brotli(bytes)] as const, [`${path}.gz`, await zip(bytes)] as const];
        for (const [twin, smaller] of twins) if (smaller.length < bytes.length) await writeFile(twin, smaller);
      }
    },
  };
}
