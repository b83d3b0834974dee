let keep = 0; for (let i = 0; i < 2000; i++) { const a = new Array(32768).fill(i); keep += a.length } console.log(keep); for (let i = 0; i < 100; i++) Buffer.alloc(5 << 20); console.log('done')
