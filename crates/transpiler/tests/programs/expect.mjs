// Fills in what the programs give, by TypeScript 5.9 (target ES2022) and this Node.js:
//   npm install typescript@5.9 && node expect.mjs *.txt
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";

const ts = createRequire(path.join(process.cwd(), "x.js"))("typescript");
const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, noEmitOnError: false };
const directory = fs.mkdtempSync(path.join(os.tmpdir(), "programs-"));

function emit(code) {
    const file = path.join(directory, "program.ts");
    fs.writeFileSync(file, code);
    const program = ts.createProgram([file], { ...options, outDir: directory, types: [] });
    const errors = program.getSyntacticDiagnostics().map((found) => found.messageText);
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    program.emit();
    fs.renameSync(path.join(directory, "program.js"), path.join(directory, "program.mjs"));
    return path.join(directory, "program.mjs");
}

function run(title, code) {
    const script = emit(code);
    if (process.env.SHOW) console.log(`// ${title}\n${fs.readFileSync(script, "utf8")}`);
    const call = `import(${JSON.stringify(script)}).then(async (m) => console.log(JSON.stringify(await m.main())))`;
    return execFileSync(process.execPath, ["-e", call], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

for (const file of process.argv.slice(2)) {
    const programs = fs.readFileSync(file, "utf8").split(/^(?=# )/m).map((program) => {
        const [title, ...lines] = program.trim().split("\n");
        const code = lines.filter((line) => !line.startsWith("> ")).join("\n");
        let result;
        try { result = run(title, code); } catch (error) { result = `FAILED ${JSON.stringify(error.message)}`; console.log(title, result); }
        return `${title}\n${code}\n> ${result}\n`;
    });
    fs.writeFileSync(file, programs.join("\n"));
}
fs.rmSync(directory, { recursive: true });
