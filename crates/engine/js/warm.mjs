// A module like a worker's, so that importing one has been done before.
import { readFileSync } from "node:fs";

const loaded = await Promise.resolve(readFileSync);
const { url, dirname, filename, resolve } = import.meta;
export const warm = async () => [typeof loaded, url, dirname, filename, typeof resolve];
export default warm;
