console.log(Object.keys(process).sort().join('\n'), process.ppid > 0, process.pid > 0, process.version, process.umask().toString(8), process.listenerCount('exit'), process.eventNames())
