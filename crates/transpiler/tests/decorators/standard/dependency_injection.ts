const container = new Map<any, any>();
const injectable = (v: any, c: any) => { c.addInitializer(function (this: any) { container.set(c.name, new this()) }) };
const inject = (name: string) => (_: any, c: any) => function (this: any) { return container.get(name) };
@injectable class Db { q = () => "rows" } @injectable class Svc { @inject("Db") db!: Db; run() { return this.db.q() } }
export function main() { return container.get("Svc").run(); }
// returns "rows"