/// What the browser keeps for us. Two consoles may share an origin, each below a path of its own.

const PREFIX = `workers:${location.pathname}:`;

function guarded<T>(use: () => T, otherwise: T): T {
  try {
    return use();
  } catch {
    // Storage is switched off or full: then nothing is remembered.
    return otherwise;
  }
}

export class Store {
  private readonly storage: () => Storage;

  constructor(storage: () => Storage) {
    this.storage = storage;
  }

  get(key: string): string | null {
    return guarded(() => this.storage().getItem(PREFIX + key), null);
  }

  set(key: string, value: string): void {
    guarded(() => this.storage().setItem(PREFIX + key, value), undefined);
  }

  remove(key: string): void {
    guarded(() => this.storage().removeItem(PREFIX + key), undefined);
  }

  /** Removes every key that begins so. */
  removeAll(start: string): void {
    for (const key of guarded(() => Object.keys(this.storage()), [])) {
      if (key.startsWith(PREFIX + start)) {
        guarded(() => this.storage().removeItem(key), undefined);
      }
    }
  }
}

/** Until it is removed. */
export const device = new Store(() => localStorage);

/** Until the tab is closed. */
export const tab = new Store(() => sessionStorage);
