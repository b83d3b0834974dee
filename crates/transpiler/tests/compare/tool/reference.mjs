// The reference compiler: tsc, as tests/compare/tool/package-lock.json pins it.
import { createRequire } from "node:module";
import path from "node:path";
import { root } from "./programs.mjs";

/** A function that compiles one program, alone: to `{code, map}`, or to `{refused}` with tsc's own words. */
export function compiler() {
  const ts = createRequire(path.join(root, ".tools/tsc/package.json"))("typescript");
  const base = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, jsx: ts.JsxEmit.React, sourceMap: true };
  return ({ area, name, code, extension, options }) => {
    const compilerOptions = { ...base, ...ts.convertCompilerOptionsFromJson(options, ".").options };
    let output;
    try {
      output = ts.transpileModule(code, { fileName: `worker${extension}`, compilerOptions, reportDiagnostics: true });
    } catch (error) {
      throw new Error(`tsc fails on ${area}/${name}`, { cause: error });
    }
    const errors = output.diagnostics.filter((diagnostic) => diagnostic.category === ts.DiagnosticCategory.Error);
    if (errors.length > 0) return { refused: ts.flattenDiagnosticMessageText(errors[0].messageText, "\n") };
    return { code: output.outputText, map: output.sourceMapText };
  };
}
