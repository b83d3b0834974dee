/// Shows its content. If the content cannot be drawn, because of a mistake in the console, it shows an error; the
/// header stays and leads elsewhere.

import { RotateCw } from "lucide";
import { Component, type ComponentChildren } from "preact";

import type { Route } from "../data/browser/route.ts";
import { Button } from "../ui/button.tsx";
import * as layout from "../ui/layout.module.css";
import { Note } from "../ui/note.tsx";
import { PageHead } from "../ui/page-head.tsx";

interface Props {
  readonly here: Route;
  readonly children: ComponentChildren;
}

interface State {
  /** Where it was when the page could not be drawn; `null` while all is well. */
  readonly brokenAt: Route | null;
}

export class PageBoundary extends Component<Props, State> {
  override state: State = { brokenAt: null };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ brokenAt: this.props.here });
  }

  /** Another page gets its own try. */
  static override getDerivedStateFromProps(props: Props, state: State): State | null {
    return state.brokenAt && state.brokenAt !== props.here ? { brokenAt: null } : null;
  }

  override render({ children }: Props, { brokenAt }: State) {
    return brokenAt ? <BrokenPage /> : children;
  }
}

function BrokenPage() {
  return (
    <>
      <PageHead title="This page does not work" />
      <div class={layout.stack}>
        <Note kind="bad" alert>
          The console made a mistake while it was drawing this page. Your workers are not affected.
        </Note>
        <div class={layout.row}>
          <Button icon={RotateCw} onClick={() => location.reload()}>
            Reload
          </Button>
        </div>
      </div>
    </>
  );
}
