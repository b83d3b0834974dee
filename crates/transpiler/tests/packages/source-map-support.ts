// Writes stacks in its own way.
import support from "source-map-support";

support.install();
interface Pad { a: 1;
  b: 2 }
export async function main() {
  function thrower() { return new Error("shown") }
  const sync = thrower().stack;
  await null;
  return [sync, thrower().stack];
}
