import readline from 'node:readline'; import { Readable } from 'node:stream'; for await (const l of readline.createInterface({ input: Readable.from(['a\nb\n', 'c']) })) console.log(l)
