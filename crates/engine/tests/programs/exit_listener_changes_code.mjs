process.on('exit', () => { process.exitCode = 8 })
