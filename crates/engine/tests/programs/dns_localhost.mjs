import { promises as dns } from 'node:dns'; console.log((await dns.lookup('localhost', { family: 4 })).address)
