/// A stack trace whose places in the user's own code can be clicked.

import { paths } from "../../data/browser/route.ts";
import * as styles from "./stack.module.css";

/** The name that the platform gives to the deployed source, with line and column. */
const PLACE = /worker\.ts:(\d+):(\d+)/;

export function Stack({ stack, workerId }: { readonly stack: string; readonly workerId: string }) {
  // The first line repeats the message, which may have several.
  const lines = stack.split("\n").filter((line) => /^\s+at /.test(line));
  if (lines.length === 0) {
    return null;
  }
  return (
    <ol class={styles.frames} aria-label="Stack">
      {lines.map((line, index) => (
        <li key={index}>
          <Frame line={line.trim()} workerId={workerId} />
        </li>
      ))}
    </ol>
  );
}

function Frame({ line, workerId }: { readonly line: string; readonly workerId: string }) {
  const place = PLACE.exec(line);
  if (!place) {
    return <span class={styles.foreign}>{line}</span>;
  }
  const [text, row, column] = place;
  return (
    <>
      {line.slice(0, place.index)}
      <a href={paths.source(workerId, Number(row), Number(column))}>{text}</a>
      {line.slice(place.index + text.length)}
    </>
  );
}
