// Reads its own stack.
import callsites from "callsites";

export function main() {
  const inner = () => callsites().map((site: any) => [site.getFunctionName(), site.getFileName(), site.getLineNumber()]);
  return inner();
}
