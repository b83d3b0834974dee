/// The lines of one invocation, in the order in which they arrived.

import type { LogEvent } from "../api/types.ts";
import { clockTime } from "../format.ts";
import { createAnsiReader, type Mark } from "./ansi.ts";

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly marks: readonly Mark[];
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** Whether the platform says here what it has cut. */
  readonly isDropped: boolean;
}

/** Someone who shows the lines: with the next frame, or at once. */
export type LogListener = (atOnce: boolean) => void;

export class LogBuffer {
  readonly lines: LogLine[] = [];
  /** Lines up to here were cleared by the reader. */
  cleared = 0;
  readonly #listeners = new Set<LogListener>();
  #read = createAnsiReader();

  append(event: LogEvent): void {
    const { text: whole, marks } = this.#read(event.message);
    const text = event.cut ? `${whole}… [cut]` : whole;
    const isDropped = event.dropped !== undefined;
    this.lines.push({ stream: event.stream, text, marks, timestamp: event.timestamp, isDropped });
  }

  /** Tells whoever shows the lines that there are more; at once, where something else is about to be shown that comes after them. */
  notify(atOnce: boolean): void {
    for (const listener of this.#listeners) {
      listener(atOnce);
    }
  }

  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The lines as text, each with its time and stream. */
  toFile(): string {
    const lines = this.lines.map((line) => `${new Date(line.timestamp).toISOString()} ${line.stream} ${line.text}\n`);
    return lines.join("");
  }

  toText(): string {
    return this.lines
      .slice(this.cleared)
      .map((line) => line.text)
      .join("\n");
  }
}

export const timeOf = (line: LogLine) => clockTime(line.timestamp);
