/// Times on the screen, which go on by themselves.

import { now } from "../../data/state.ts";
import { ago, longTime } from "../../lib/format.ts";
import * as text from "../../ui/text.module.css";

/** How long ago, and on a closer look exactly when. */
export function Ago({ at }: { readonly at: string }) {
  const time = Date.parse(at);
  return (
    <time class={text.nowrap} dateTime={at} title={longTime(time)}>
      {ago(time, now.time.value)}
    </time>
  );
}
