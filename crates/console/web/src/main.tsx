/// The console of the platform. `app.tsx` has its frame, `pages/` what is in it, `state/` what it knows, `api/` whom it asks.

import "./styles/index.css";

import { render } from "preact";

import { App } from "./app.tsx";
import { applyAccent } from "./branding/branding.ts";
import { loadEditors } from "./editor/load.ts";

applyAccent();
const root = document.getElementById("app");
if (root) {
  render(<App />, root);
}
// The editors are wanted on most pages; they come when the first page is there.
requestIdleCallback?.(loadEditors, { timeout: 3_000 });
