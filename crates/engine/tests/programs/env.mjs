console.log(Object.keys(process.env).sort().join()); process.env.X = '1'; console.log(process.env.X, 'X' in process.env, delete process.env.X, process.env.X)
