const all = []; for (let i = 0; i < 40; i++) all.push(Array.from({ length: 10000 }, (_, n) => ({ n, s: 'v' + n }))); console.log(all.length, all[39][9999].s)
