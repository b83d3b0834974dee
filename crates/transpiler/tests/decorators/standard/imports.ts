import type { Stats } from "node:fs"; import { EventEmitter } from "node:events"; import { join } from "node:path";
const d = (x: any): any => (v: any, c: any) => { c.metadata; seen.push(x.name) }; const seen: any[] = [];
@d(EventEmitter) class A { @d(join) m(s: Stats) {} }
export function main() { return seen }
// returns ["join","EventEmitter"]