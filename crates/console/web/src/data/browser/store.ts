/// What the browser keeps for the console. Where its storage is switched off or full, nothing is remembered.

function guarded<T>(use: () => T, otherwise: T): T {
  try {
    return use();
  } catch {
    return otherwise;
  }
}

export class Store {
  readonly #storage: () => Storage;
  readonly #prefix: string;

  /** Two consoles may share an origin, each below a path of its own: `prefix` keeps their keys apart. */
  constructor(storage: () => Storage, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  get(key: string): string | null {
    return guarded(() => this.#storage().getItem(this.#prefix + key), null);
  }

  set(key: string, value: string): void {
    guarded(() => this.#storage().setItem(this.#prefix + key, value), undefined);
  }

  remove(key: string): void {
    guarded(() => this.#storage().removeItem(this.#prefix + key), undefined);
  }

  /** Removes every key that begins so. */
  removeAll(start: string): void {
    for (const key of guarded(() => Object.keys(this.#storage()), [])) {
      if (key.startsWith(this.#prefix + start)) {
        guarded(() => this.#storage().removeItem(key), undefined);
      }
    }
  }
}
