(async () => { const { default: fs } = await import('node:fs'); console.log(typeof fs.readFileSync) })()
