setTimeout(() => process.exit(4), 5)
