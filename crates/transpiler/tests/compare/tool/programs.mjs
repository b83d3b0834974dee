// Reads the programs: which there are, and what is written down about them.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root, and the folder that holds the folders of programs. */
export const root = fileURLToPath(new URL("../../../../../", import.meta.url));
const tests = fileURLToPath(new URL("../../", import.meta.url));

/** The folders with programs; one that does not exist is left out. */
const FOLDERS = ["compare", "programs", "decorators"];

const HEADER = /^\/\/ ---- (.+)$/;
const CALL = /^\/\/ call: (\S+)(?: (.+))?$/;
const OPTIONS = /^\/\/ tsc: (\{.*\})$/;

/** The programs in the text of one file. A program's first line is the one after its header. */
export function parse(text, area, extension) {
  const programs = [];
  let options = {};
  for (const line of text.split("\n")) {
    const header = HEADER.exec(line);
    const program = programs.at(-1);
    if (header) {
      if (programs.some((other) => other.name === header[1])) throw new Error(`${area}: two programs "${header[1]}"`);
      programs.push({ name: header[1], function: "main", payload: "{}", options, lines: [] });
    } else if (program) {
      const call = program.lines.length === 0 && CALL.exec(line);
      if (call) [program.function, program.payload] = [call[1], call[2] ?? "{}"];
      program.lines.push(line);
    } else if (OPTIONS.test(line)) {
      options = JSON.parse(OPTIONS.exec(line)[1]);
    }
  }
  return programs.map(({ lines, ...program }) => ({ ...program, area, extension, code: lines.join("\n") }));
}

/** The programs of a text in which each begins with `# its name` and ends with `> its result`. */
export function parseTitled(text, area) {
  const programs = text.split(/^# /m).slice(1);
  return programs.map((program) => {
    const [name, ...lines] = program.split("\n");
    const code = lines.filter((line) => !line.startsWith("> ")).join("\n");
    return { area, name, extension: ".ts", options: {}, function: "main", payload: "{}", code };
  });
}

/**
 * A program that is a file. If it begins with `// tsc …`, it says in what tsc is wrong, and has to return what its last
 * line says.
 */
export function parseOne(code, name, area, extension) {
  // Those of a folder `legacy` have the decorators of before the standard.
  const options = area === "legacy" ? { experimentalDecorators: true } : {};
  const program = { area, name, extension, options, function: "main", payload: "{}", code };
  const reason = /^\/\/ (tsc .+)/.exec(code)?.[1];
  if (!reason) return program;
  const returns = /\n\/\/ returns (.+)\s*$/.exec(code)?.[1];
  if (!returns) throw new Error(`${area}/${name} says that tsc differs, but not what it returns`);
  return { ...program, explained: { reason, ours: { outcome: "ok", result: JSON.parse(returns) } } };
}

/** The programs of a folder, one a file. */
function parseFolder(folder, area) {
  const files = fs.readdirSync(folder).sort();
  return files.map((file) => {
    const { name, ext } = path.parse(file);
    return parseOne(fs.readFileSync(path.join(folder, file), "utf8"), name, area, ext);
  });
}

const readJson = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {});

/** Writes a JSON file as this project's formatter would leave it. */
export function writeJson(file, value) {
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** One area: a file or a folder of programs. Those that are not recorded name their results; other tests check them. */
function readArea(folder, entry) {
  const file = path.join(folder, entry.name);
  const { name, ext } = path.parse(entry.name);
  if (entry.isDirectory()) return { name, recorded: false, expected: {}, programs: parseFolder(file, name) };
  const text = fs.readFileSync(file, "utf8");
  if (ext === ".txt") return { name, recorded: false, expected: {}, programs: parseTitled(text, name) };
  const expectedFile = path.join(folder, `${name}.expected.json`);
  return { name, recorded: true, expectedFile, expected: readJson(expectedFile), programs: parse(text, name, ext) };
}

/** One folder: its areas with their programs, expected records, and the lists of differences. */
function readFolder(name) {
  const folder = path.join(tests, name);
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  const areas = entries
    .filter((entry) => (entry.isDirectory() ? entry.name !== "tool" : /\.(ts|tsx|js|jsx|txt)$/.test(entry.name)))
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map((entry) => readArea(folder, entry));
  const [explainedFile, pendingFile] = ["explained.json", "pending.json"].map((file) => path.join(folder, file));
  return { name, areas, explainedFile, explained: readJson(explainedFile), pending: readJson(pendingFile) };
}

/** Every folder of programs. */
export function readAll() {
  return FOLDERS.filter((name) => fs.existsSync(path.join(tests, name))).map(readFolder);
}

/** All programs of all folders, each with its folder and area, in an order that does not change. */
export function* every(folders) {
  for (const folder of folders)
    for (const area of folder.areas) for (const program of area.programs) yield { folder, area, program };
}
