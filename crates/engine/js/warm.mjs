// A module like a worker's, so that importing one has been done before.
import { readFileSync } from "node:fs";

const loaded = await Promise.resolve(readFileSync);
export const warm = async () => typeof loaded;
export default warm;
