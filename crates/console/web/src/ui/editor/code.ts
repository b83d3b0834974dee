/// The editors of code and of payloads.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { json } from "@codemirror/lang-json";
import { bracketMatching, ensureSyntaxTree, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, type Diagnostic as Mark, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";

import { type JsonProblem, jsonProblem } from "../../lib/json.ts";
import { exportedFunctions } from "./exports.ts";
import { lineHighlight, showLine } from "./highlight.ts";
import { look } from "./theme.ts";

/** What screen readers call it. */
export interface Labels {
  readonly label: string;
  /** The id of an element that says more. */
  readonly describedBy?: string;
}

/** A mistake in the code, as the API describes it: lines and columns count from 1. */
export interface Mistake {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly help: string | null;
}

export interface CodeEditor {
  readonly view: EditorView;
  text(): string;
  setText(text: string): void;
  /** Marks the lines with mistakes, and shows the first. */
  mark(mistakes: readonly Mistake[]): void;
  /** Scrolls to a line, counted from 1, and shows it. */
  show(line: number, column: number | null): void;
  focus(): void;
  destroy(): void;
}

const editing: Extension = [
  history(),
  drawSelection(),
  indentOnInput(),
  closeBrackets(),
  bracketMatching(),
  autocompletion({ activateOnTyping: false }),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  rectangularSelection(),
  highlightSelectionMatches(),
];

const common: Extension = [
  look,
  highlightSpecialChars(),
  indentUnit.of("  "),
  EditorState.tabSize.of(2),
  lineHighlight,
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap.filter((binding) => binding.key !== "Mod-Enter"),
    ...searchKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...completionKeymap,
    ...lintKeymap,
    // Escape and then Tab leaves the editor, which its description says.
    indentWithTab,
  ]),
];

const labelled = ({ label, describedBy }: Labels, attributes: Record<string, string> = {}) =>
  EditorView.contentAttributes.of({
    "aria-label": label,
    // What can be scrolled must be reachable by keyboard, and not every browser counts what can be edited.
    tabindex: "0",
    ...(describedBy ? { "aria-describedby": describedBy } : {}),
    ...attributes,
  });

export interface SourceOptions extends Labels {
  readonly parent: HTMLElement;
  readonly text: string;
  readonly readOnly?: boolean;
  readonly onChange?: (text: string) => void;
  /** The functions that the code exports, as far as can be seen; the platform's own compiler decides. */
  readonly onExports?: (names: readonly string[]) => void;
}

/** An editor for TypeScript, or a view of it. */
export function createSourceEditor(options: SourceOptions): CodeEditor {
  const tellExports = (state: EditorState) => {
    const tree = ensureSyntaxTree(state, state.doc.length, 50);
    if (tree) {
      options.onExports?.(exportedFunctions(tree, state.doc));
    }
  };
  const extensions: Extension[] = [
    lineNumbers(),
    foldGutter(),
    javascript({ typescript: true }),
    options.readOnly
      ? [EditorState.readOnly.of(true), EditorView.editable.of(false), labelled(options, { "aria-readonly": "true" })]
      : [editing, lintGutter(), labelled(options)],
    common,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) {
        options.onChange?.(update.state.doc.toString());
        tellExports(update.state);
      }
    }),
  ];
  const editor = wrap(options.parent, EditorState.create({ doc: options.text, extensions }));
  tellExports(editor.view.state);
  return editor;
}

export interface JsonOptions extends Labels {
  readonly parent: HTMLElement;
  readonly text: string;
  readonly readOnly?: boolean;
  readonly onChange?: (text: string, problem: JsonProblem | null) => void;
}

/** An editor for a JSON text, or a view of it. */
export function createJsonEditor(options: JsonOptions): CodeEditor {
  const validity = new Compartment();
  const validityOf = (problem: JsonProblem | null) => EditorView.contentAttributes.of({ "aria-invalid": String(problem !== null) });
  const extensions: Extension[] = [
    json(),
    options.readOnly
      ? [
          EditorState.readOnly.of(true),
          EditorView.editable.of(false),
          EditorView.lineWrapping,
          labelled(options, { "aria-readonly": "true" }),
        ]
      : [editing, labelled(options), validity.of(validityOf(null))],
    common,
    EditorView.updateListener.of((update) => {
      if (update.docChanged) {
        check(update.view);
      }
    }),
  ];
  const editor = wrap(options.parent, EditorState.create({ doc: options.text, extensions }));
  function check(view: EditorView) {
    const text = view.state.doc.toString();
    const problem = jsonProblem(text);
    const marks: Mark[] = problem ? [jsonMark(view.state, problem)] : [];
    // Within an update no other may begin.
    queueMicrotask(() => {
      if (view.state.doc.length === text.length) {
        view.dispatch(setDiagnostics(view.state, marks), { effects: validity.reconfigure(validityOf(problem)) });
      }
    });
    options.onChange?.(text, problem);
  }
  if (!options.readOnly) {
    check(editor.view);
  }
  return editor;
}

function jsonMark(state: EditorState, { offset, message }: JsonProblem): Mark {
  const at = Math.min(offset, state.doc.length);
  return { from: Math.max(0, at === state.doc.length ? at - 1 : at), to: Math.min(at + 1, state.doc.length), severity: "error", message };
}

function wrap(parent: HTMLElement, state: EditorState): CodeEditor {
  const view = new EditorView({ state, parent });
  return {
    view,
    text: () => view.state.doc.toString(),
    setText(text) {
      if (text !== view.state.doc.toString()) {
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
      }
    },
    mark(mistakes) {
      const marks = mistakes.map((mistake) => sourceMark(view.state, mistake));
      view.dispatch(setDiagnostics(view.state, marks));
      const [first] = mistakes;
      if (first) {
        view.dispatch(showLine(view.state, first.line, first.column));
      } else {
        view.dispatch(showLine(view.state, null, null));
      }
    },
    show: (line, column) => view.dispatch(showLine(view.state, line, column)),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

/** The API counts columns in characters from 1. */
function sourceMark(state: EditorState, { line, column, message, help }: Mistake): Mark {
  const at = state.doc.line(Math.min(Math.max(line, 1), state.doc.lines));
  const from = Math.min(at.from + Math.max(column - 1, 0), at.to);
  return {
    // At the end of a line there is nothing after it to underline.
    from: from === at.to ? Math.max(at.from, from - 1) : from,
    to: Math.min(from + 1, at.to),
    severity: "error",
    message: help ? `${message}\n${help}` : message,
  };
}
