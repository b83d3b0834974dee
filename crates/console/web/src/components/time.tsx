/// Times on the screen, which go on by themselves.

import { ago, longTime } from "../format.ts";
import { now } from "../state/now.ts";

/** How long ago, and on a closer look exactly when. */
export function Ago({ at }: { readonly at: string }) {
  const time = Date.parse(at);
  return (
    <time class="nowrap" dateTime={at} title={longTime(time)}>
      {ago(time, now.value)}
    </time>
  );
}
