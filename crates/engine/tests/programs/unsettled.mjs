process.on('exit', (code) => console.log(code)); console.log('start'); await Promise.resolve(); console.log('end')
