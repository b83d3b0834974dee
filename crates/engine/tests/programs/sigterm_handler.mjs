process.on('SIGTERM', (name) => { console.log(name); process.exit(12) }); setTimeout(() => {}, 5000); process.kill(process.pid, 'SIGTERM')
