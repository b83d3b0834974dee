process.nextTick(() => process.exit(7))
