import os from 'node:os'; console.log(os.EOL.length, os.cpus().length > 0, os.totalmem() > os.freemem(), os.availableParallelism() > 0, os.tmpdir())
