/// The console of the platform. `app/` has its frame, `features/` what one can do in it, `ui/` the pieces that those
/// are made of, `data/` its state and the client of the API, `lib/` what needs none of these. Imports go in that order,
/// down only: `checks/imports.test.ts`.

import "./styles/tokens.css";
import "./styles/base.css";

import { render } from "preact";

import { App } from "./app/app.tsx";
import { applyAccent } from "./lib/branding.ts";
import { editors } from "./ui/editors/load.ts";

applyAccent();
const root = document.getElementById("app");
if (root) {
  render(<App />, root);
}
// The editors are wanted on most pages; they come when the first page is there.
requestIdleCallback?.(() => editors.load(), { timeout: 3_000 });
