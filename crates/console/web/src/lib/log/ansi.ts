/// Terminal colours in log lines: the escape sequences leave the text and become marks on it.

import { type Color, createAnsiSequenceParser } from "ansi-sequence-parser";

/** A stretch of a line that looks different. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  /** CSS. Colours with a name are custom properties, different in each theme; `styles/tokens.css` has them. */
  readonly style: string;
}

export interface MarkedText {
  readonly text: string;
  readonly marks: readonly Mark[];
}

const NONE: readonly Mark[] = [];

/** Sequences that move a cursor, set titles or make links, and characters that only a terminal can obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const OTHER_SEQUENCES = /\x1b(?:\[[0-?]*[ -/]*[@-ln-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[()#][0-9A-Z]|[=>78cDEHMNOZ])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const LONE = /[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u2028\u2029]/g;
const ESCAPE = "\x1b";

/** A reader of one invocation's lines: as on a terminal, a colour lasts until it is changed, across lines. */
export function createAnsiReader(): (line: string) => MarkedText {
  const parser = createAnsiSequenceParser();
  let colored = false;
  return (line) => {
    const hasEscape = line.includes(ESCAPE);
    if (!hasEscape && !colored) {
      return { text: visible(line), marks: NONE };
    }
    const marks: Mark[] = [];
    let text = "";
    colored = false;
    const sequences = hasEscape ? line.replace(OTHER_SEQUENCES, "") : line;
    for (const token of parser.parse(sequences)) {
      const value = visible(token.value);
      const mark = lookOf(token.foreground, token.background, token.decorations);
      colored = mark !== null;
      if (mark && value) {
        marks.push({ from: text.length, to: text.length + value.length, ...mark });
      }
      text += value;
    }
    return { text, marks };
  };
}

/** Characters that would break a line or do nothing are shown as symbols of their own. */
function visible(text: string): string {
  return text.replace(/\r$/, "").replace(LONE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\u{fffd}";
  });
}

const DECORATIONS: Readonly<Record<string, string>> = {
  bold: "font-weight:700",
  dim: "opacity:0.8",
  italic: "font-style:italic",
  underline: "text-decoration:underline",
  strikethrough: "text-decoration:line-through",
  overline: "text-decoration:overline",
  hidden: "visibility:hidden",
  reverse: "background:var(--text);color:var(--surface)",
};

function lookOf(foreground: Color | null, background: Color | null, decorations: ReadonlySet<string>): { style: string } | null {
  const reversed = decorations.has("reverse");
  const front = reversed ? background : foreground;
  const back = reversed ? foreground : background;
  const styles = [...decorations].flatMap((name) => DECORATIONS[name] ?? []);
  if (front) {
    styles.push(`color:${cssColor(front, "--ansi")}`);
  }
  if (back) {
    styles.push(`background:${cssColor(back, "--ansi-behind")}`);
  }
  return styles.length > 0 ? { style: styles.join(";") } : null;
}

/** The bright colours are the same as the others: each is as bright as can be read on its background. */
function cssColor(color: Color, property: string): string {
  if (color.type === "named") {
    return `var(${property}-${color.name.replace("bright", "").toLowerCase()})`;
  }
  return color.type === "rgb" ? `rgb(${color.rgb.join(" ")})` : tableColor(color.index);
}

/** Of the 256 colours, those after the sixteen with names: a cube of six steps a side, and grays. */
function tableColor(index: number): string {
  if (index >= 232) {
    const gray = 8 + (index - 232) * 10;
    return `rgb(${gray} ${gray} ${gray})`;
  }
  const step = (part: number) => (part === 0 ? 0 : 55 + part * 40);
  const cube = index - 16;
  return `rgb(${step(Math.floor(cube / 36))} ${step(Math.floor(cube / 6) % 6)} ${step(cube % 6)})`;
}
