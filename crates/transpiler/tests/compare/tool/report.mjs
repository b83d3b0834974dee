// What a comparison says at its end.

/** Two records, one above the other, only with the fields in which they differ. */
export function difference(one, other, names) {
  const fields = new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})]);
  const lines = [];
  for (const field of fields) {
    const [left, right] = [one, other].map((record) => JSON.stringify(record?.[field]) ?? "(nothing)");
    if (left !== right) lines.push(`    ${field}`, `      ${names[0]}: ${left}`, `      ${names[1]}: ${right}`);
  }
  return lines.join("\n");
}

const KINDS = ["same", "explained", "pending", "different"];

/** A table of how many programs of each area ended in which way. `verdicts` is a list of `{area, kind}`. */
export function table(verdicts) {
  const rows = new Map();
  for (const { area, kind } of verdicts) {
    for (const key of [area, "all"]) {
      if (!rows.has(key)) rows.set(key, Object.fromEntries(["programs", ...KINDS].map((name) => [name, 0])));
      rows.get(key).programs++;
      rows.get(key)[kind]++;
    }
  }
  const all = rows.get("all");
  rows.delete("all");
  const cells = [["area", "programs", ...KINDS]];
  for (const [area, row] of [...rows, ["all", all]]) cells.push([area, ...Object.values(row).map(String)]);
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join("  "),
    )
    .join("\n");
}
