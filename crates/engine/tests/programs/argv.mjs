console.log(process.argv.length, process.argv.slice(2), process.execArgv, typeof process.execPath)
