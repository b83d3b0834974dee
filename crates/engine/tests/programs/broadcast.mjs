const a = new BroadcastChannel('x'), b = new BroadcastChannel('x'); b.onmessage = (e) => { console.log(e.data); a.close(); b.close() }; a.postMessage({ n: 1 })
