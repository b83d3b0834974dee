import { basename } from "node:path";

const owners = new Map<string, string>();

/** The name that a class of a CSS module has in the page: its file's name and its own, so that it can be found again. */
export function scopedName(name: string, path: string): string {
  const file = path.split("?")[0] ?? path;
  const module = basename(file, ".module.css");
  const owner = owners.get(module) ?? file;
  if (owner !== file) {
    throw new Error(`${owner} and ${file} have the same name, so their classes would too`);
  }
  owners.set(module, file);
  return `${module}-${name}`;
}
