import type { Plugin } from "vite";

/**
 * Replaces Vite's helper for parts that are loaded later. It would load their styles before them; here all styles are
 * in one file (`build.cssCodeSplit`), which the page loads at once.
 */
export function withoutPreload(): Plugin {
  return {
    name: "without-preload",
    apply: "build",
    enforce: "pre",
    load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null),
  };
}
