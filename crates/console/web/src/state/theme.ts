/// Light, dark, or as the system has it.

import { effect, signal } from "@preact/signals";

import { device } from "./storage.ts";

export type Theme = "system" | "light" | "dark";

const KEY = "theme";
const stored = device.get(KEY);

export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

effect(() => {
  if (theme.value === "system") {
    delete document.documentElement.dataset["theme"];
    device.remove(KEY);
  } else {
    document.documentElement.dataset["theme"] = theme.value;
    device.set(KEY, theme.value);
  }
});
