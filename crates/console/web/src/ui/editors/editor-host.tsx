/// An element for an editor, empty until the editors have been loaded.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { classes } from "../../lib/classes.ts";
import { Button } from "../button.tsx";
import * as styles from "./editor-host.module.css";
import { type Editors, editors } from "./load.ts";

interface Props {
  /** Which editor it is, for tests. */
  readonly name: "code" | "json" | "log" | "payload";
  readonly class?: string | undefined;
  /** Whether a line around it shows that it has the focus. */
  readonly outlined?: boolean;
  /** Makes the editor, once; later properties do not change it. */
  readonly create: (editors: Editors, parent: HTMLElement) => { destroy(): void };
}

export function EditorHost({ name, class: look, outlined = true, create }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const first = useRef(create);
  const loaded = editors.loaded.value;
  useEffect(() => editors.load(), []);
  useLayoutEffect(() => {
    if (!loaded || !host.current) {
      return;
    }
    const editor = first.current(loaded, host.current);
    return () => editor.destroy();
  }, [loaded]);
  return (
    <div ref={host} class={classes(styles.editor, outlined && styles.outlined, look)} data-editor={name}>
      {editors.failed.value && (
        <div class={styles.failed} role="alert">
          The editor could not be loaded.{" "}
          <Button small onClick={() => editors.load()}>
            Try again
          </Button>
        </div>
      )}
    </div>
  );
}

/** An empty element, while it is not known yet what the editor is to show. */
export function EditorPlace({ class: look }: { readonly class: string | undefined }) {
  return <div class={classes(styles.editor, look)} />;
}
