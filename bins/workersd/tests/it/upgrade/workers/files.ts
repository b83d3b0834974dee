import { readdirSync, writeFileSync } from "node:fs";

export function main(payload: { name: string }) {
  const before = readdirSync(".");
  writeFileSync("own.txt", payload.name);
  return { before, after: readdirSync("."), environment: Object.keys(process.env).sort() };
}
