// Compares our compiler and harness with tsc and plain Node.js. README.md beside this folder says how.
//
//   node main.mjs sources DIRECTORY [FILTER]      writes every program as DIRECTORY/<number>/worker.ts
//   node main.mjs reference DIRECTORY [FILTER]    compares with what tsc and Node.js do
//      with --record                              and writes that down as expected
//   node main.mjs expected DIRECTORY [FILTER]     compares with what is written down
//
// Between the first step and the others our compiler turns each DIRECTORY/<number>/worker.ts into ours/worker.mjs
// beside it, or says in ours/refused.txt why it does not.
import fs from "node:fs";
import path from "node:path";
import { every, readAll, root, writeJson } from "./programs.mjs";
import { equal, same } from "./records.mjs";
import { difference, table } from "./report.mjs";
import { pool, runOurs, runReference } from "./run.mjs";

const [mode, directory, ...rest] = process.argv.slice(2);
const recording = rest.includes("--record");
const filter = rest.find((argument) => argument !== "--record") ?? "";
const folders = readAll();
const idOf = ({ area, program }) => `${area.name}/${program.name}`;
const cases = [...every(folders)].map((item, index) => ({
  ...item,
  directory: path.join(directory, String(index).padStart(4, "0")),
}));
const selected = cases.filter((item) => {
  const isWanted = `${item.folder.name}/${idOf(item)}`.includes(filter);
  return isWanted && (mode !== "expected" || item.area.recorded);
});

function writeSources() {
  for (const { program, directory } of selected) {
    fs.mkdirSync(directory, { recursive: true });
    fs.writeFileSync(path.join(directory, `worker${program.extension}`), program.code);
    if (Object.keys(program.options).length > 0) writeJson(path.join(directory, "options.json"), program.options);
  }
}

/** An explanation has a place in the documentation that says the same. */
function unfounded({ doc, says }) {
  const words = (text) => text.replaceAll(/\s+(\/\/!|\*|\/\/)?\s*/g, " ");
  const file = path.join(root, doc ?? "");
  if (!doc || !says || !fs.existsSync(file)) return "it names no documentation";
  return words(fs.readFileSync(file, "utf8")).includes(words(says)) ? undefined : `${doc} does not say "${says}"`;
}

const wrong = (text) => ({ kind: "different", text });

/** What a program's records mean: one of the columns of the table, and what to print. */
function judge(item, theirs, ours) {
  const id = idOf(item);
  const { explained, pending } = item.folder;
  const explanation = explained[id] ?? item.program.explained;
  if (theirs !== undefined && same(ours, theirs)) {
    return explanation || id in pending ? wrong("it is the same, and said to differ") : { kind: "same" };
  }
  if (id in pending) return { kind: "pending", text: pending[id] };
  if (!explanation) {
    return wrong(`\n${difference(theirs, ours, [mode === "expected" ? "expected" : "tsc     ", "ours    "])}`);
  }
  const lacking = id in explained ? unfounded(explanation) : undefined;
  if (lacking) return wrong(`the explanation does not hold: ${lacking}`);
  if (equal(ours, explanation.ours)) return { kind: "explained" };
  return wrong(`not as explained\n${difference(explanation.ours, ours, ["explained", "ours     "])}`);
}

/** The entries of the lists that belong to no program. */
function strays() {
  const known = new Set(cases.map((item) => `${item.folder.name}: ${idOf(item)}`));
  return folders
    .flatMap((folder) => [folder.explained, folder.pending].flatMap(Object.keys).map((id) => `${folder.name}: ${id}`))
    .filter((id) => !known.has(id));
}

async function compare() {
  const compile = mode === "expected" ? undefined : (await import("./reference.mjs")).compiler();
  const verdicts = await pool(selected, async (item) => {
    const { area, program, directory } = item;
    const ours = await runOurs(program, directory);
    const theirs = compile ? await runReference(program, directory, compile(program)) : area.expected[program.name];
    if (recording) {
      area.expected[program.name] = theirs;
      const explained = item.folder.explained[idOf(item)];
      if (explained) explained.ours ??= ours;
    }
    return { area: `${item.folder.name}/${area.name}`, id: idOf(item), ...judge(item, theirs, ours) };
  });
  if (recording) record();
  const bad = verdicts.filter(({ kind }) => kind === "different");
  for (const { area, id, kind, text } of verdicts)
    if (text) console.log(`${kind}: ${area.split("/")[0]}: ${id}: ${text}`);
  const lost = strays();
  for (const id of lost) console.log(`no such program: ${id}`);
  if (verdicts.length > 0) console.log(`\n${table(verdicts)}`);
  process.exitCode = bad.length + lost.length > 0 || verdicts.length === 0 ? 1 : 0;
}

/** Writes the expected records, in the order of the programs and without those of programs that are gone. */
function record() {
  for (const folder of folders) {
    if (Object.keys(folder.explained).length > 0) writeJson(folder.explainedFile, folder.explained);
    for (const area of folder.areas.filter(({ recorded }) => recorded)) {
      const kept = area.programs
        .filter(({ name }) => area.expected[name])
        .map(({ name }) => [name, area.expected[name]]);
      writeJson(area.expectedFile, Object.fromEntries(kept));
    }
  }
}

if (mode === "sources") writeSources();
else await compare();
