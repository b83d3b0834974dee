/// There is nothing here.

import { paths } from "../../data/browser/route.ts";
import { PageHead } from "../../ui/page-head.tsx";

export function MissingPage({ text = "There is no such page." }: { readonly text?: string }) {
  return (
    <>
      <PageHead title="Not found" />
      <p>
        {text} <a href={paths.workers}>All workers</a>
      </p>
    </>
  );
}
