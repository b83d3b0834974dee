process.on('exit', () => { console.log('bye') }); process.exitCode = 2
