console.log(require.main === module, module.id, __filename === process.argv[1], module.children.length, typeof exports, process.mainModule === module, module.paths.length > 0)
