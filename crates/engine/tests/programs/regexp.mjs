const s = 'ab'.repeat(10000); console.log(s.replace(/a(b)/g, '$1a').length, /(?<y>\d{4})/.exec('in 2024').groups.y, [...'a1b2'.matchAll(/\d/g)].length)
