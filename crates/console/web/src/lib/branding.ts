/// The vendor's name and colour, as the server wrote them into the page. The logo is always at `branding/logo`.

import { accentColors } from "./accent.ts";

const meta = document.querySelector<HTMLMetaElement>("meta[name=branding]");

/** What the product is called. */
export const productName = filledIn(meta?.dataset["name"]) ?? "Workers Platform";

/** Puts the accent colour into the stylesheet's variables. */
export function applyAccent(): void {
  const colors = accentColors(filledIn(meta?.dataset["accent"]) ?? "");
  if (!colors) {
    return;
  }
  const style = document.documentElement.style;
  style.setProperty("--accent", colors.solid);
  style.setProperty("--on-accent", colors.onSolid);
  style.setProperty("--accent-text", `light-dark(${colors.textLight}, ${colors.textDark})`);
}

/** Vite's own server shows the page as it was written, with its placeholders. */
function filledIn(text: string | undefined): string | undefined {
  return text && !text.startsWith("{{") ? text : undefined;
}
