/// JSON as it was written: numbers that JavaScript cannot hold keep their digits.

/** `JSON.rawJSON` and the source text for revivers: in browsers since 2025, otherwise such numbers are rounded. */
type RawJson = typeof JSON & { rawJSON?: (text: string) => unknown };
type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

/** Parses a text; what cannot be held exactly is kept as raw text, for `formatJson`. */
export function parseExactly(text: string): unknown {
  const { rawJSON } = JSON as RawJson;
  const revive: Reviver = (_, value, context) => {
    const source = context?.source;
    const isExact = typeof value !== "number" || source === undefined || String(value) === source;
    return isExact || !rawJSON ? value : rawJSON(source);
  };
  return JSON.parse(text, revive as (key: string, value: unknown) => unknown);
}

export function formatJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "undefined";
}

export interface JsonProblem {
  readonly message: string;
  /** Where, in characters from the start. */
  readonly offset: number;
}

/** What is wrong with a payload; `null` if nothing. Empty text is no payload, which the API takes as `{}`. */
export function jsonProblem(text: string): JsonProblem | null {
  if (text.trim() === "") {
    return null;
  }
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return { message: messageOf(error), offset: offsetOf(error, text) };
  }
}

/** Engines word it differently; most put the place in parentheses or quote the text behind the first comma. */
function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^JSON\.parse: /, "")
    .replace(/(?: in JSON)? at (?:position|line) .*$/s, "")
    .replace(/, (?:\.\.\.)?".*$/s, "");
}

function offsetOf(error: unknown, text: string): number {
  const message = error instanceof Error ? error.message : "";
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) {
    return Math.min(Number(position), text.length);
  }
  const place = /line (\d+) column (\d+)/.exec(message);
  if (place) {
    const before = text.split("\n").slice(0, Number(place[1]) - 1);
    return Math.min(before.reduce((sum, line) => sum + line.length + 1, 0) + Number(place[2]) - 1, text.length);
  }
  return text.length;
}
