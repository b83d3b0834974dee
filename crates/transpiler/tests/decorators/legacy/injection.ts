const tokens = new Map<any, any[]>(); const Inject = (token: string): any => (t: any, k: any, i: number) => { const l = tokens.get(t) ?? []; l[i] = token; tokens.set(t, l) }; const Injectable = (): any => (k: any) => k;
const make = (k: any): any => new k(...(tokens.get(k) ?? []).map((t: string) => ({ token: t })));
@Injectable() class Svc { constructor(@Inject("db") private readonly db: any, @Inject("log") public log: any) {} run() { return [this.db.token, this.log.token] } }
export function main() { return make(Svc).run() }
// returns ["db","log"]