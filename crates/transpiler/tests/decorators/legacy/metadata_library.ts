const store = new Map<any, any>(); const meta = (k: string, v: any): any => (t: any, p?: any) => { const key = p ?? "class"; store.set(key, { ...(store.get(key) ?? {}), [k]: v }) };
@meta("route", "/users") class Users { @meta("method", "GET") @meta("path", "/:id") one(id: string) { return id } @meta("column", true) name = "" }
export function main() { return [...store] }
// returns [["one",{"path":"/:id","method":"GET"}],["name",{"column":true}],["class",{"route":"/users"}]]