import { createHook } from 'node:async_hooks'; let n = 0; const h = createHook({ init() { n++ } }).enable(); setTimeout(() => {}, 1); h.disable(); console.log(n > 0)
