setImmediate(() => process.exit(6))
