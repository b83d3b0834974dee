const out: any[] = []; const d = (n: string): any => (t: any, k: any, x: any) => { out.push([n, k, typeof x === "number" ? x : typeof x]) };
class C { @d("own") set a(@d("param") v: any) {} set lone(@d("lone") v: any) {} @d("getter") get pair() { return 1 } set pair(@d("pairparam") v: any) {} }
export function main() { return out; }
// returns [["param","a",0],["own","a","object"],["pairparam","pair",0],["getter","pair","object"]]