process.on('exit', (code) => console.log('code', code)); setTimeout(() => { throw null }, 1)
