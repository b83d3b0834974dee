setTimeout(() => {}, 5000); process.kill(process.pid, 'SIGTERM')
