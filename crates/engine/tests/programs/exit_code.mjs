process.exitCode = 9
