import assert from 'node:assert'; try { assert.deepStrictEqual({ a: 1 }, { a: 2 }) } catch (e) { console.log(e.code) }
