const s = new Int32Array(new SharedArrayBuffer(4)); const w = Atomics.waitAsync(s, 0, 0); setTimeout(() => Atomics.notify(s, 0), 5); console.log(w.async, await w.value)
