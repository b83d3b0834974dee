process.once('SIGINT', () => { console.log('int'); clearInterval(t) }); const t = setInterval(() => {}, 1000); process.kill(process.pid, 'SIGINT')
