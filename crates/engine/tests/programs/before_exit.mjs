let n = 0; process.on('beforeExit', () => { console.log('before', n); if (n++ < 2) setTimeout(() => {}, 1) })
