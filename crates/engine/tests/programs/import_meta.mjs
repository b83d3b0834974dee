console.log(import.meta.main, import.meta.filename === process.argv[1], import.meta.url.startsWith('file:///'), import.meta.dirname === process.cwd())
