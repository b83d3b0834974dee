const fs = require('fs'), d = fs.mkdtempSync('/tmp/p'); fs.writeFileSync(d + '/a.json', '[1]'); fs.writeFileSync(d + '/b.js', 'exports.x = require("./a.json")'); console.log(require(d + '/b').x)
