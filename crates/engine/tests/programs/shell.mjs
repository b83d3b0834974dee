import { exec, execSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'

const text = { encoding: 'utf8' }
const directory = mkdtempSync('/tmp/shell-')
console.log(execSync('echo hi', text).trim(), execSync('read line; echo "got $line"', { ...text, input: 'a line\n' }).trim())
console.log(execSync('printf "b\\na\\n" | while read x; do echo "<$x>"; done | { read one; read two; echo $two$one; }', text).trim())
console.log(execSync('for i in 1 2 3; do echo $((i * i)); done > squares; read x < squares; echo $x; pwd >&2', { ...text, stdio: 'pipe', cwd: directory }).trim())
console.log(spawnSync('echo "$GIVEN"; exit 3', { ...text, shell: true, env: { GIVEN: 'given' } }).output.join('|').trim())
console.log(execSync('"$NODE" -p 6*7', { ...text, env: { NODE: process.execPath } }).trim())
console.log(execSync('kill -0 $$ && (exit 4) || echo $?; ( echo in a child & wait )', text).trim().split('\n').join())
console.log(spawnSync('kill -9 $$', { shell: true }).signal, spawnSync('trap "echo ended; exit 5" TERM; kill $$', { ...text, shell: true }).status)
try { execSync('no-such-program', { stdio: 'pipe' }) } catch (error) { console.log(error.status, /not found/.test(error.message)) }
exec('no-such-program', (error, out, err) => console.log(error.code, /not found/.test(error.message), out, /not found/.test(err)))
exec('echo out; echo err >&2', (error, out, err) => console.log(error, out.trim(), err.trim()))
exec('read never', { timeout: 50 }, (error) => console.log('timeout', error.killed, error.signal))
const child = spawn('while read line; do echo "line $line"; done', { shell: true, stdio: ['pipe', 'pipe', 'inherit'] })
child.stdout.setEncoding('utf8').on('data', (data) => console.log(data.trim()))
child.on('close', (code) => console.log('closed', code))
child.stdin.end('the last\n')
writeFileSync(`${directory}/script`, '#!/bin/sh\necho "script $1"\n')
chmodSync(`${directory}/script`, 0o755)
console.log(spawnSync(`${directory}/script`, ['one'], text).stdout.trim(), spawnSync('sh', ['-c', 'echo $0 $1', 'a', 'b'], text).stdout.trim())
try { execSync('echo hi', { cwd: '/no/such/directory' }) } catch (error) { console.log(error.message, error.code) }
rmSync(directory, { recursive: true })
