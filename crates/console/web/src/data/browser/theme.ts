/// Light, dark, or as the system has it.

import { effect, type Signal, signal } from "@preact/signals";

import type { Store } from "./store.ts";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";

/** The theme that the user chose. `show` is called with it now, and whenever it changes. */
export function rememberedTheme(store: Store, show: (theme: Theme) => void): Signal<Theme> {
  const stored = store.get(KEY);
  const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");
  effect(() => {
    show(theme.value);
    if (theme.value === "system") {
      store.remove(KEY);
    } else {
      store.set(KEY, theme.value);
    }
  });
  return theme;
}
