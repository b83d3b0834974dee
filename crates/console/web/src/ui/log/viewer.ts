/// The log on the screen: a read-only CodeMirror, which draws only the lines in sight, selects and copies across all of
/// them, and searches.

import { defaultKeymap } from "@codemirror/commands";
import { findNext, findPrevious, getSearchQuery, SearchQuery, search, setSearchQuery } from "@codemirror/search";
import { Compartment, EditorState, type Extension, RangeSetBuilder, StateEffect, StateField, Text } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  GutterMarker,
  gutter,
  highlightSpecialChars,
  keymap,
  ViewPlugin,
  type ViewUpdate,
} from "@codemirror/view";

import { classes } from "../../lib/classes.ts";
import { type LogBuffer, type LogLine, timeOf } from "../../lib/log/buffer.ts";
import { look } from "../editor/theme.ts";
import * as styles from "./viewer.module.css";

export interface LogViewer {
  setWrap(wrap: boolean): void;
  setTimes(shown: boolean): void;
  /** Whether the newest line is kept in sight. */
  setFollow(follow: boolean): void;
  /** Marks what is found, and goes to the first after the cursor. Returns how often it occurs. */
  search(text: string): number;
  findNext(): void;
  findPrevious(): void;
  /** Removes the lines that are there. */
  clear(): void;
  destroy(): void;
}

export interface LogViewerOptions {
  readonly parent: HTMLElement;
  readonly log: LogBuffer;
  readonly label: string;
  readonly wrap: boolean;
  readonly times: boolean;
  /** The reader has scrolled away from the end, or back to it. */
  readonly onFollow: (following: boolean) => void;
}

/** The reader is at the end if it is no further away than this, in pixels: a line or so. */
const NEAR_END = 30;

/** The browser scrolls no further than to the end that it has painted, which may lack lines of so many milliseconds. */
const UNSEEN_MS = 100;
/** Keys that lead away from the end, and towards it. */
const UPWARDS = new Set(["ArrowUp", "PageUp", "Home"]);
const DOWNWARDS = new Set(["ArrowDown", "PageDown", "End", " "]);
/** Matches are counted up to here. */
const MOST_MATCHES = 10_000;

/** How often a page that is not in sight appends. */
const HIDDEN_MS = 200;

const NEVER: Extension = [];

export function createLogViewer(options: LogViewerOptions): LogViewer {
  const { log } = options;
  const wrapping = new Compartment();
  const times = new Compartment();
  /** How many of the log's lines are in the document. */
  let shown = log.cleared;
  let frame = 0;
  let following = true;
  let lastTouch = 0;
  /**
   * How high the text was at the reader's last move, if that was towards the end. A reader who gets there has reached
   * the end: while the page scrolls there smoothly, further lines arrive, and he would never catch up with those.
   */
  let seenHeight: number | undefined;
  /** When lines were appended lately, and how many. */
  let recent: { readonly at: number; readonly lines: number }[] = [];
  const recentLines = () => {
    const since = performance.now() - UNSEEN_MS;
    recent = recent.filter(({ at }) => at > since);
    return recent.reduce((sum, { lines }) => sum + lines, 0);
  };
  /** While the reader holds the scroll bar. */
  let held = false;

  /** The line of the log that is the document's line `number`, counted from 1. */
  const lineAt = (number: number): LogLine | undefined => log.lines[log.cleared + number - 1];

  const view = new EditorView({
    parent: options.parent,
    state: EditorState.create({
      extensions: [
        look,
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ "aria-label": options.label, "aria-readonly": "true", tabindex: "0" }),
        highlightSpecialChars(),
        keymap.of(defaultKeymap),
        // Only its state is used: the panel is ours.
        search({ createPanel: () => ({ dom: document.createElement("div") }) }),
        found,
        wrapping.of(options.wrap ? EditorView.lineWrapping : NEVER),
        times.of(options.times ? timeGutter(lineAt) : NEVER),
        looks(lineAt),
      ],
    }),
  });

  /**
   * Appends what has arrived. This runs once a frame: a browser paints no more often, so a line is on the screen with
   * the first frame after its arrival, and a flood of lines costs one update a frame and not one each.
   */
  function append() {
    frame = 0;
    const lines = log.lines.slice(shown).map((line) => line.text);
    if (lines.length > 0) {
      const isFirst = shown === log.cleared;
      shown = log.lines.length;
      recentLines();
      recent.push({ at: performance.now(), lines: lines.length });
      const end = view.state.doc.length;
      view.dispatch({ changes: { from: end, insert: Text.of(isFirst ? lines : ["", ...lines]) } });
    }
    if (following && !held) {
      toEnd();
    }
  }

  function toEnd() {
    view.requestMeasure({
      key: "log-end",
      read: () => view.scrollDOM.scrollHeight,
      write: (height) => {
        // The reader may have scrolled up since this was asked for.
        if (following && !held) {
          view.scrollDOM.scrollTop = height;
        }
      },
    });
  }

  const stopListening = log.listen((atOnce) => {
    if (atOnce) {
      cancel();
      append();
    } else {
      // A hidden page has no frames.
      frame ||= document.hidden ? window.setTimeout(append, HIDDEN_MS) : requestAnimationFrame(append);
    }
  });
  const cancel = () => {
    cancelAnimationFrame(frame);
    clearTimeout(frame);
  };
  append();

  const { scrollDOM } = view;
  const isAtEnd = (height = scrollDOM.scrollHeight) => height - scrollDOM.clientHeight - scrollDOM.scrollTop <= NEAR_END;
  const follow = (whether: boolean) => {
    if (following !== whether) {
      following = whether;
      options.onFollow(whether);
    }
  };
  // What the reader does decides, and not where the log happens to be scrolled to: while lines arrive, that changes by
  // itself.
  const moved = (upwards: boolean) => {
    seenHeight = upwards ? undefined : scrollDOM.scrollHeight - recentLines() * view.defaultLineHeight;
    if (upwards && scrollDOM.scrollTop > 0) {
      follow(false);
    }
  };
  const passive = { passive: true };
  scrollDOM.addEventListener("wheel", (event) => moved(event.deltaY < 0), passive);
  scrollDOM.addEventListener("keydown", (event) => {
    if (UPWARDS.has(event.key) || DOWNWARDS.has(event.key)) {
      moved(UPWARDS.has(event.key));
    }
  });
  scrollDOM.addEventListener(
    "touchstart",
    (event) => {
      lastTouch = event.touches[0]?.clientY ?? 0;
    },
    passive,
  );
  scrollDOM.addEventListener(
    "touchmove",
    (event) => {
      const y = event.touches[0]?.clientY ?? 0;
      if (y !== lastTouch) {
        moved(y > lastTouch);
      }
      lastTouch = y;
    },
    passive,
  );
  scrollDOM.addEventListener("pointerdown", (event) => {
    // Outside of the text there is only the scroll bar.
    held = event.target === scrollDOM;
  });
  const released = () => {
    if (held) {
      held = false;
      follow(isAtEnd());
    }
  };
  window.addEventListener("pointerup", released);
  const scrolled = () => {
    if (seenHeight !== undefined && !following && !held && isAtEnd(Math.min(seenHeight, scrollDOM.scrollHeight))) {
      follow(true);
      toEnd();
    }
  };
  scrollDOM.addEventListener("scroll", scrolled, passive);
  // A window that grows or shrinks must not lose the end.
  const resized = new ResizeObserver(() => following && toEnd());
  resized.observe(view.scrollDOM);

  return {
    setWrap: (wrap) => {
      view.dispatch({ effects: wrapping.reconfigure(wrap ? EditorView.lineWrapping : NEVER) });
      if (following) {
        toEnd();
      }
    },
    setTimes: (visible) => view.dispatch({ effects: times.reconfigure(visible ? timeGutter(lineAt) : NEVER) }),
    setFollow: (whether) => {
      following = whether;
      if (whether) {
        toEnd();
      }
    },
    search: (text) => {
      const query = new SearchQuery({ search: text, literal: true });
      view.dispatch({ effects: [setSearchQuery.of(query), showFound.of(query)] });
      if (!text) {
        return 0;
      }
      follow(false);
      findNext(view);
      return countMatches(query, view.state);
    },
    findNext: () => void findNext(view),
    findPrevious: () => void findPrevious(view),
    clear: () => {
      log.cleared = log.lines.length;
      shown = log.cleared;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length } });
    },
    destroy: () => {
      cancel();
      stopListening();
      window.removeEventListener("pointerup", released);
      resized.disconnect();
      view.destroy();
    },
  };
}

function countMatches(query: SearchQuery, state: EditorState): number {
  const cursor = query.getCursor(state);
  let count = 0;
  while (count < MOST_MATCHES && !cursor.next().done) {
    count += 1;
  }
  return count;
}

/** Lines and stretches of them that look different, for the lines in sight. */
function looks(lineAt: (number: number) => LogLine | undefined): Extension {
  const stderr = Decoration.line({ class: styles.stderr, attributes: { "data-stream": "stderr" } });
  const dropped = Decoration.line({ class: styles.dropped });
  const build = (view: EditorView): DecorationSet => {
    const builder = new RangeSetBuilder<Decoration>();
    for (const { from, to } of view.visibleRanges) {
      for (let at = from; at <= to; ) {
        const line = view.state.doc.lineAt(at);
        const entry = lineAt(line.number);
        if (entry?.isDropped) {
          builder.add(line.from, line.from, dropped);
        } else if (entry?.stream === "stderr") {
          builder.add(line.from, line.from, stderr);
        }
        for (const mark of entry?.marks ?? []) {
          builder.add(line.from + mark.from, line.from + mark.to, Decoration.mark({ attributes: { style: mark.style } }));
        }
        at = line.to + 1;
      }
    }
    return builder.finish();
  };
  return ViewPlugin.define(
    (view) => ({
      decorations: build(view),
      update(update: ViewUpdate) {
        if (update.docChanged || update.viewportChanged) {
          this.decorations = build(update.view);
        }
      },
    }),
    { decorations: (plugin) => plugin.decorations },
  );
}

class TimeMarker extends GutterMarker {
  readonly #text: string;
  readonly isStderr: boolean;

  constructor(text: string, isStderr: boolean) {
    super();
    this.#text = text;
    this.isStderr = isStderr;
  }

  override eq(other: TimeMarker): boolean {
    return this.#text === other.#text && this.isStderr === other.isStderr;
  }

  override toDOM(): Node {
    const time = document.createElement("span");
    time.className = classes(styles.time, this.isStderr && styles.timeStderr);
    time.textContent = this.#text;
    return time;
  }
}

function timeGutter(lineAt: (number: number) => LogLine | undefined): Extension {
  return gutter({
    class: styles.times,
    lineMarker: (view, block) => {
      const line = lineAt(view.state.doc.lineAt(block.from).number);
      return line ? new TimeMarker(timeOf(line), line.stream === "stderr") : null;
    },
    // Lines are appended and never changed; all that is new is drawn anyway.
    lineMarkerChange: (update) => update.docChanged,
    initialSpacer: () => new TimeMarker("00:00:00.000", false),
  });
}

/** The search whose matches are marked. */
const showFound = StateEffect.define<SearchQuery>();
const match = Decoration.mark({ class: styles.match });
const current = Decoration.mark({ class: classes(styles.match, styles.current), attributes: { "data-match": "current" } });

const foundQuery = StateField.define<SearchQuery | null>({
  create: () => null,
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(showFound)) {
        return effect.value.search ? effect.value : null;
      }
    }
    return value;
  },
});

const foundMarks = ViewPlugin.define(
  (view) => ({
    decorations: markFound(view),
    update(update: ViewUpdate) {
      const query = update.state.field(foundQuery);
      if (
        query !== update.startState.field(foundQuery) ||
        (query && (update.docChanged || update.viewportChanged || update.selectionSet))
      ) {
        this.decorations = markFound(update.view);
      }
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

const found: Extension = [foundQuery, foundMarks];

function markFound(view: EditorView): DecorationSet {
  const query = view.state.field(foundQuery);
  const builder = new RangeSetBuilder<Decoration>();
  const { main } = view.state.selection;
  for (const { from, to } of query ? view.visibleRanges : []) {
    const cursor = getSearchQuery(view.state).getCursor(view.state, from, to);
    for (let next = cursor.next(); !next.done; next = cursor.next()) {
      const range = next.value;
      builder.add(range.from, range.to, range.from === main.from && range.to === main.to ? current : match);
    }
  }
  return builder.finish();
}
