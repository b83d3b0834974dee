const a = Array.from({ length: 1000 }, Math.random); console.log(new Set(a).size === 1000, a.every((x) => x >= 0 && x < 1))
