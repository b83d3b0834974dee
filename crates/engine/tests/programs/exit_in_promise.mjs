Promise.resolve().then(() => process.exit(5))
