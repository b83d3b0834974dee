// The reference compiler: tsc, as tests/compare/tool/package-lock.json pins it.
import { createRequire } from "node:module";
import path from "node:path";
import { root } from "./programs.mjs";

/**
 * Mistakes that need no types and keep a module from loading, though only tsc's checker looks for them: a line end
 * before an arrow, and a name that is exported twice. The rest that it finds is about types, or runs all the same.
 */
const CHECKED = new Set([1200, 2323, 2484]);

/** A function that compiles one program, alone: to `{code, map}`, or to `{refused}` with tsc's own words. */
export function compiler() {
  const ts = createRequire(path.join(root, ".tools/tsc/package.json"))("typescript");
  const base = {
    allowJs: true,
    jsx: ts.JsxEmit.React,
    module: ts.ModuleKind.ESNext,
    sourceMap: true,
    target: ts.ScriptTarget.ES2022,
  };

  /** The first mistake of syntax. */
  const mistakeIn = (fileName, code, options) => {
    const file = ts.createSourceFile(fileName, code, options.target, true);
    const host = {
      fileExists: (name) => name === fileName,
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => "",
      getDefaultLibFileName: () => "lib.d.ts",
      getNewLine: () => "\n",
      getSourceFile: (name) => (name === fileName ? file : undefined),
      readFile: () => undefined,
      useCaseSensitiveFileNames: () => true,
      writeFile: () => {},
    };
    const checking = { ...options, checkJs: true, isolatedModules: true, noLib: true, noResolve: true };
    const program = ts.createProgram([fileName], checking, host);
    const checked = program.getSemanticDiagnostics(file).filter(({ code }) => CHECKED.has(code));
    return [...program.getSyntacticDiagnostics(file), ...checked].find(
      ({ category }) => category === ts.DiagnosticCategory.Error,
    );
  };

  return ({ area, name, code, extension, options }) => {
    const fileName = `worker${extension}`;
    const compilerOptions = { ...base, ...ts.convertCompilerOptionsFromJson(options, ".").options };
    try {
      const mistake = mistakeIn(fileName, code, compilerOptions);
      if (mistake) return { refused: ts.flattenDiagnosticMessageText(mistake.messageText, "\n") };
      const output = ts.transpileModule(code, { fileName, compilerOptions });
      return { code: output.outputText, map: output.sourceMapText };
    } catch (error) {
      throw new Error(`tsc fails on ${area}/${name}`, { cause: error });
    }
  };
}
