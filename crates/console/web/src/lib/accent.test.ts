import assert from "node:assert/strict";
import { test } from "node:test";

import { accentColors, contrast, parse } from "./accent.ts";

const backgrounds = { textLight: "#eef0f2", textDark: "#1d242a" } as const;

test("every accent is readable as text and under text, in both themes", () => {
  for (const accent of ["#000000", "#ffffff", "#ffff00", "#0000ff", "#ff0000", "#777777", "#0f766e", "#7f7f00"]) {
    const colors = accentColors(accent);
    assert.ok(colors);
    const between = (one: string, other: string) => contrast(parse(one) ?? [0, 0, 0], parse(other) ?? [0, 0, 0]);
    assert.ok(between(colors.solid, colors.onSolid) >= 4.5, `on ${accent}`);
    for (const [name, background] of Object.entries(backgrounds)) {
      const text: string = colors[name as keyof typeof backgrounds];
      assert.ok(between(text, background) >= 4.5, `${accent} as ${name}: ${text}`);
    }
  }
});

test("an accent that can be read already stays as it is", () => {
  assert.equal(accentColors("#0f6b64")?.textLight, "#0f6b64");
});

test("what is no colour gives none", () => {
  for (const text of ["", "red", "#123", "#12345g", "{{accent}}", "#1234567"]) {
    assert.equal(accentColors(text), undefined);
  }
});
