process.emit('exit', 0); console.log('still here')
