// tsc calls the class default_1.
const seen: any[] = []; const d = (k: any) => { seen.push(k.name) };
@d export default class { @((t: any, k: any) => { seen.push(k) }) x = 1 }
export function main() { return seen }
// returns ["x","default"]