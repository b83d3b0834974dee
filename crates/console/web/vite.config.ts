import { defineConfig } from "vite";
import { compress } from "./build/compress.ts";
import { fill } from "./build/fill.ts";
import { withoutPreload } from "./build/preload.ts";
import { styles } from "./build/styles.ts";

export default defineConfig({
  // Every URL is relative to the page, so that it may be served below any path.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [compress(), fill(), styles(), withoutPreload()],
  build: {
    // The baseline of the end of 2024, of which the stylesheet's `light-dark()` is a part.
    target: ["chrome123", "firefox120", "safari17.5"],
    // Files by URL only: the content security policy allows no `data:` in scripts and fonts.
    assetsInlineLimit: 0,
    // Our policy forbids the inline script of the polyfill, and these browsers do not need it.
    modulePreload: { polyfill: false },
    // One stylesheet, which the page loads: build/preload.ts needs it so.
    cssCodeSplit: false,
    license: { fileName: "licenses.md" },
    reportCompressedSize: false,
  },
  server: {
    // The API, and the logo, of a server that runs. It gets the names that the browser used, so for it the page and the
    // API are of one origin.
    proxy: Object.fromEntries(
      ["/api", "/branding", "/healthz", "/readyz", "/metrics"].map((path) => [
        path,
        { target: process.env["WORKERS_SERVER"] ?? "http://127.0.0.1:3000", changeOrigin: false },
      ]),
    ),
  },
});
