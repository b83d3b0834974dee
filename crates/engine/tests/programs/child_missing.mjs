import { spawn } from 'node:child_process'; spawn('/no/such/program').on('error', (e) => console.log(e.code))
