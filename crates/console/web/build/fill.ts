import type { Plugin } from "vite";

/** Fills in the page as the server does, where Vite serves it: with the default brand. */
export function fill(): Plugin {
  return {
    name: "fill",
    apply: "serve",
    transformIndexHtml: (page) => page.replaceAll("{{name}}", "Workers Platform").replaceAll(/\{\{\w+\}\}/g, ""),
  };
}
