/// Loads the editors, once, when they are first wanted.

import { signal } from "@preact/signals";

export type Editors = typeof import("./index.ts");

export class EditorLoader {
  /** The editors, once they are there. */
  readonly loaded = signal<Editors | null>(null);

  /** Whether they could not be loaded: the connection broke, or the server was replaced by another version. */
  readonly failed = signal(false);

  readonly #import: () => Promise<Editors>;
  #isLoading = false;

  constructor(load: () => Promise<Editors>) {
    this.#import = load;
  }

  load(): void {
    if (this.#isLoading) {
      return;
    }
    this.#isLoading = true;
    this.failed.value = false;
    this.#import().then(
      (editors) => {
        this.loaded.value = editors;
      },
      () => {
        this.#isLoading = false;
        this.failed.value = true;
      },
    );
  }
}

export const editors = new EditorLoader(() => import("./index.ts"));
