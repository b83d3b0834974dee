/// The lines of one invocation, in the order in which they arrived.

import { clockTime } from "../format.ts";
import { createAnsiReader, type Mark } from "./ansi.ts";

/** A line as it arrives. */
export interface Printed {
  readonly stream: "stdout" | "stderr";
  readonly message: string;
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** Only the beginning of the line is here. */
  readonly cut?: boolean;
  /** What the platform left out here. */
  readonly dropped?: unknown;
}

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly marks: readonly Mark[];
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** Whether the platform says here what it has cut. */
  readonly isDropped: boolean;
}

/** Shows the lines: with the next frame, or at once. */
export type LogListener = (atOnce: boolean) => void;

export class LogBuffer {
  readonly lines: LogLine[] = [];
  /** Lines up to here were cleared by the reader. */
  cleared = 0;
  readonly #listeners = new Set<LogListener>();
  #read = createAnsiReader();

  append(event: Printed): void {
    const { text: whole, marks } = this.#read(event.message);
    const text = event.cut ? `${whole}… [cut]` : whole;
    const isDropped = Boolean(event.dropped);
    this.lines.push({ stream: event.stream, text, marks, timestamp: event.timestamp, isDropped });
  }

  /**
   * Calls the listeners: there are more lines. They show them at once where something is about to be shown that comes
   * after them.
   */
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
