/// A row of tabs, of which the arrow keys choose.

import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

import * as styles from "./tabs.module.css";

export interface Tab {
  readonly key: string;
  readonly content: ComponentChildren;
}

interface Props {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly selected: string;
  readonly onSelect: (key: string) => void;
  /** The id of the panel that shows the selected one. */
  readonly panel: string;
  /** The Delete key, where tabs can be closed. */
  readonly onClose?: (key: string) => void;
}

export const tabId = (panel: string, key: string) => `${panel}-tab-${key}`;

export function Tabs({ label, tabs, selected, onSelect, panel, onClose }: Props) {
  const row = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const index = tabs.findIndex((tab) => tab.key === selected);
    const last = tabs.length - 1;
    const steps: Record<string, number> = {
      ArrowLeft: index === 0 ? last : index - 1,
      ArrowRight: index === last ? 0 : index + 1,
      Home: 0,
      End: last,
    };
    const next = tabs[steps[event.key] ?? -1];
    if (next) {
      event.preventDefault();
      onSelect(next.key);
      row.current?.querySelector<HTMLElement>(`#${CSS.escape(tabId(panel, next.key))}`)?.focus();
    } else if (event.key === "Delete" && onClose) {
      onClose(selected);
    }
  };
  return (
    <div ref={row} class={styles.tabs} role="tablist" aria-label={label} onKeyDown={onKeyDown}>
      {tabs.map(({ key, content }) => (
        <button
          key={key}
          type="button"
          role="tab"
          id={tabId(panel, key)}
          aria-selected={key === selected}
          aria-controls={panel}
          tabindex={key === selected ? 0 : -1}
          onClick={() => onSelect(key)}
        >
          {content}
        </button>
      ))}
    </div>
  );
}
