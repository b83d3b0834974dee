import { setTimeout as wait, setInterval as every } from 'node:timers/promises'; console.log(await wait(2, 'v')); let n = 0; for await (const _ of every(1)) if (++n === 3) break; console.log(n)
