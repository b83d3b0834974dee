/// Everything that needs CodeMirror, loaded when it is first wanted.

export { type CodeEditor, createJsonEditor, createSourceEditor } from "../editor/code.ts";
export { createLogViewer, type LogViewer } from "../log/viewer.ts";
