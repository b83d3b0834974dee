import v8 from 'node:v8'; console.log(v8.getHeapStatistics().heap_size_limit > 1e8)
