const o = { d: new Date(0), m: new Map([[1, new Set([2])]]), e: new RangeError('r') }; o.self = o; const c = structuredClone(o); console.log(c.self === c, c.d, c.m, c.e.name)
