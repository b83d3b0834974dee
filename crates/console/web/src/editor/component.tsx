/// The editors as components. Until they have been loaded their place is kept.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { Button } from "../components/button.tsx";
import type { CodeEditor } from "./code.ts";
import { type Editors, editors, editorsFailed, loadEditors } from "./load.ts";

interface Props {
  readonly class?: string;
  /** Makes the editor, once; later properties do not change it. */
  readonly create: (editors: Editors, parent: HTMLElement) => { destroy(): void };
}

/** The place of an editor. */
export function EditorHost({ class: name = "", create }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const first = useRef(create);
  const loaded = editors.value;
  useEffect(loadEditors, []);
  useLayoutEffect(() => {
    if (!loaded || !host.current) {
      return;
    }
    const editor = first.current(loaded, host.current);
    return () => editor.destroy();
  }, [loaded]);
  return (
    <div ref={host} class={`editor ${name}`}>
      {editorsFailed.value && (
        <div class="editor-failed" role="alert">
          The editor could not be loaded.{" "}
          <Button small onClick={loadEditors}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

interface JsonViewProps {
  readonly text: string;
  readonly label: string;
}

/** A JSON text that can be read, selected and folded, however long it is. */
export function JsonView({ text, label }: JsonViewProps) {
  const editor = useRef<CodeEditor | null>(null);
  useEffect(() => editor.current?.setText(text), [text]);
  return (
    <EditorHost
      class="json-view"
      create={({ createJsonEditor }, parent) => {
        editor.current = createJsonEditor({ parent, text, label, readOnly: true });
        return editor.current;
      }}
    />
  );
}
