const { port1, port2 } = new MessageChannel(); port2.on('message', (m) => { console.log(m); port1.close() }); port1.postMessage([1, new Map([[1, 2]])])
