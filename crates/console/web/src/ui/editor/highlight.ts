/// One line that is pointed at: where a mistake is, where an error was thrown.

import { type EditorState, StateEffect, StateField, type TransactionSpec } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";

/** The start of the line, `null` for none. */
const point = StateEffect.define<number | null>();
const pointed = Decoration.line({ class: "cm-pointed" });

export const lineHighlight = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(point)) {
        return effect.value === null ? Decoration.none : Decoration.set(pointed.range(effect.value));
      }
    }
    // A change of the code means that the line was seen.
    return transaction.docChanged ? Decoration.none : value;
  },
  provide: (field) => EditorView.decorations.from(field),
});

/** Points at a line and puts the cursor there, both counted from 1. */
export function showLine(state: EditorState, line: number | null, column: number | null): TransactionSpec {
  if (line === null) {
    return { effects: point.of(null) };
  }
  const at = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
  const anchor = Math.min(at.from + Math.max((column ?? 1) - 1, 0), at.to);
  return {
    selection: { anchor },
    effects: [point.of(at.from), EditorView.scrollIntoView(anchor, { y: "center" })],
  };
}
