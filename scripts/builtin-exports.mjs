// Writes what the modules of this Node.js export, for the transpiler:
//   .tools/node/bin/node scripts/builtin-exports.mjs > crates/transpiler/src/compile/builtin_exports.txt
// The first line is the version; each other line is a module and the names that it exports beside `default`.
import { builtinModules } from "node:module";

// What `process` exports depends on the command line.
const isListed = (name) => !name.startsWith("_") && name !== "process";
const modules = builtinModules.map((name) => name.replace(/^node:/, "")).filter(isListed);
const lines = [`node ${process.versions.node}`];
for (const name of [...new Set(modules)].sort()) {
    const exported = Object.keys(await import(`node:${name}`)).filter((key) => key !== "default" && key !== "module.exports");
    lines.push([name, ...exported.sort()].join(" "));
}
process.stdout.write(`${lines.join("\n")}\n`);
