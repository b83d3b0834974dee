import { Store } from "../src/data/browser/store.ts";

/** Storage as browsers have it: the keys are its own properties. */
export function memoryStorage(): Storage {
  return Object.create({
    getItem(this: Record<string, string>, key: string) {
      return Object.hasOwn(this, key) ? this[key] : null;
    },
    setItem(this: Record<string, string>, key: string, value: string) {
      this[key] = value;
    },
    removeItem(this: Record<string, string>, key: string) {
      delete this[key];
    },
  });
}

export function memoryStore(storage = memoryStorage()): Store {
  return new Store(() => storage, "test:");
}
