import { spawn } from 'node:child_process'; const c = spawn(process.execPath, ['-e', 'process.stdin.pipe(process.stdout)']); c.stdout.on('data', (d) => console.log(String(d))); c.stdin.end('through')
