import v8 from 'node:v8'; console.log(v8.deserialize(v8.serialize({ a: [1, new Date(0)] })))
