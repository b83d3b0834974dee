/// The log of an invocation, and what can be done with it.

import { ArrowDown, ArrowUp, Clock, Download, Eraser, Search, WrapText, X } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Invocation } from "../../data/invocations/invocation.ts";
import { localStore } from "../../data/state.ts";
import { classes } from "../../lib/classes.ts";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { EditorHost } from "../../ui/editors/editor-host.tsx";
import * as form from "../../ui/form.module.css";
import * as layout from "../../ui/layout.module.css";
import * as viewer_ from "../../ui/log/viewer.module.css";
import type { LogViewer } from "../../ui/log/viewer.ts";
import * as texts from "../../ui/text.module.css";
import * as styles from "./log-pane.module.css";

export function LogPane({ invocation }: { readonly invocation: Invocation }) {
  const [wrap, setWrap] = useState(localStore.get("wrap") !== "no");
  const [times, setTimes] = useState(localStore.get("times") !== "no");
  const [following, setFollowing] = useState(true);
  const [searching, setSearching] = useState(false);
  const viewer = useRef<LogViewer | null>(null);
  const lines = invocation.lineCount.value;
  const isEmpty = lines === 0;
  return (
    <div
      class={styles.log}
      onKeyDown={(event) => {
        if ((event.ctrlKey || event.metaKey) && event.key === "f") {
          event.preventDefault();
          setSearching(true);
        }
      }}
    >
      <div class={styles.tools} role="toolbar" aria-label="Log">
        <Button small kind="quiet" icon={Search} label="Search the log" pressed={searching} onClick={() => setSearching(!searching)} />
        <Button
          small
          kind="quiet"
          icon={Clock}
          label="Show times"
          pressed={times}
          onClick={() => {
            setTimes(!times);
            localStore.set("times", times ? "no" : "yes");
            viewer.current?.setTimes(!times);
          }}
        />
        <Button
          small
          kind="quiet"
          icon={WrapText}
          label="Wrap lines"
          pressed={wrap}
          onClick={() => {
            setWrap(!wrap);
            localStore.set("wrap", wrap ? "no" : "yes");
            viewer.current?.setWrap(!wrap);
          }}
        />
        <span class={layout.spacer} />
        <CopyButton what="the log" text={() => invocation.log.toText()} />
        <Button small kind="quiet" icon={Download} label="Download the log" onClick={() => download(invocation)} />
        <Button small kind="quiet" icon={Eraser} label="Clear the log" onClick={() => viewer.current?.clear()} />
      </div>
      {searching && <SearchBar viewer={() => viewer.current} onClose={() => setSearching(false)} />}
      <div class={styles.body}>
        <EditorHost
          name="log"
          class={classes(styles.editor, viewer_.log)}
          create={({ createLogViewer }, parent) => {
            viewer.current = createLogViewer({
              parent,
              log: invocation.log,
              label: `Log of ${invocation.functionName}`,
              wrap,
              times,
              onFollow: setFollowing,
            });
            return viewer.current;
          }}
        />
        {isEmpty && (
          <p class={classes(styles.empty, texts.faint)}>
            {invocation.isStreaming.value ? "Waiting for the first line…" : "Nothing was printed."}
          </p>
        )}
        {!following && (
          <div class={styles.follow}>
            <Button
              small
              onClick={() => {
                setFollowing(true);
                viewer.current?.setFollow(true);
              }}
            >
              {invocation.isStreaming.value ? "Follow the log ↓" : "To the end ↓"}
            </Button>
          </div>
        )}
      </div>
    </div>
  );
}

interface SearchBarProps {
  readonly viewer: () => LogViewer | null;
  readonly onClose: () => void;
}

function SearchBar({ viewer, onClose }: SearchBarProps) {
  const [text, setText] = useState("");
  const [matches, setMatches] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    input.current?.focus();
    return () => void viewer()?.search("");
  }, []);
  return (
    <div class={styles.search} role="search">
      <input
        ref={input}
        class={form.input}
        type="search"
        aria-label="Search the log"
        placeholder="Search the log"
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setMatches(viewer()?.search(event.currentTarget.value) ?? 0);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            event.preventDefault();
            if (event.shiftKey) {
              viewer()?.findPrevious();
            } else {
              viewer()?.findNext();
            }
          } else if (event.key === "Escape") {
            onClose();
          }
        }}
      />
      <span class={classes(texts.hint, texts.nowrap)} role="status">
        {text && (matches === 0 ? "nothing found" : `${matches.toLocaleString("en")} found`)}
      </span>
      <Button small kind="quiet" icon={ArrowUp} label="Previous match" onClick={() => viewer()?.findPrevious()} />
      <Button small kind="quiet" icon={ArrowDown} label="Next match" onClick={() => viewer()?.findNext()} />
      <Button small kind="quiet" icon={X} label="Close the search" onClick={onClose} />
    </div>
  );
}

function download(invocation: Invocation): void {
  const url = URL.createObjectURL(new Blob([invocation.log.toFile()], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${invocation.functionName}-${invocation.number}.log`;
  link.click();
  URL.revokeObjectURL(url);
}
