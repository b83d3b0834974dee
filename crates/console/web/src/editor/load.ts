/// Loads the editors, once, when they are first wanted.

import { signal } from "@preact/signals";

export type Editors = typeof import("./index.ts");

/** The editors, once they are there. */
export const editors = signal<Editors | null>(null);

/** Whether they could not be loaded: the connection broke, or the server was replaced by another version. */
export const editorsFailed = signal(false);

let loading = false;

export function loadEditors(): void {
  if (loading) {
    return;
  }
  loading = true;
  editorsFailed.value = false;
  import("./index.ts").then(
    (loaded) => {
      editors.value = loaded;
    },
    () => {
      loading = false;
      editorsFailed.value = true;
    },
  );
}
