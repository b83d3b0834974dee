const f = (n) => { try { return f(n + 1) } catch { return n } }; console.log(f(0) > 5000)
