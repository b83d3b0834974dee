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
      programs.push({ area, name: header[1], extension, options, function: "main", payload: "{}", lines: [] });
    } else if (program) {
      const call = program.lines.length === 0 && CALL.exec(line);
      if (call) [program.function, program.payload] = [call[1], call[2] ?? "{}"];
      program.lines.push(line);
    } else if (OPTIONS.test(line)) {
      options = JSON.parse(OPTIONS.exec(line)[1]);
    }
  }
  return programs.map(({ lines, ...program }) => ({ ...program, code: lines.join("\n") }));
}

const readJson = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {});

/** Writes a JSON file as this project's formatter would leave it. */
export function writeJson(file, value) {
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** One folder: its areas with their programs, expected records, and the lists of differences. */
function readFolder(name) {
  const folder = path.join(tests, name);
  const files = fs.readdirSync(folder).filter((file) => /\.(ts|tsx|js|jsx)$/.test(file));
  const areas = files.sort().map((file) => {
    const extension = path.extname(file);
    const area = path.basename(file, extension);
    const expectedFile = path.join(folder, `${area}.expected.json`);
    const programs = parse(fs.readFileSync(path.join(folder, file), "utf8"), area, extension);
    return { name: area, expectedFile, expected: readJson(expectedFile), programs };
  });
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
