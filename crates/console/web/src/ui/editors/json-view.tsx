/// A JSON text that can be read, selected and folded, however long it is.

import { useEffect, useRef } from "preact/hooks";

import type { CodeEditor } from "../editor/code.ts";
import { EditorHost } from "./editor-host.tsx";
import * as styles from "./json-view.module.css";

interface Props {
  readonly text: string;
  readonly label: string;
}

export function JsonView({ text, label }: Props) {
  const editor = useRef<CodeEditor | null>(null);
  useEffect(() => editor.current?.setText(text), [text]);
  return (
    <EditorHost
      name="json"
      class={styles.json}
      create={({ createJsonEditor }, parent) => {
        editor.current = createJsonEditor({ parent, text, label, readOnly: true });
        return editor.current;
      }}
    />
  );
}
