import { Worker } from 'node:worker_threads'; const w = new Worker('for (;;) {}', { eval: true }); w.on('online', async () => console.log(await w.terminate()))
