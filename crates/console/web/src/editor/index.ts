/// Everything that needs CodeMirror, loaded when it is first wanted.

export { createLogViewer, type LogViewer } from "../log/viewer.ts";
export { type CodeEditor, createJsonEditor, createSourceEditor } from "./code.ts";
