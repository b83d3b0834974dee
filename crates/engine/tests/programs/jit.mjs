const f = (n) => { let a = 0; for (let i = 0; i < n; i++) a = (a + i * i) % 1000003; return a }; let x = 0; for (let i = 0; i < 50; i++) x ^= f(100000); console.log(x)
