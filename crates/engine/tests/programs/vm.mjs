import vm from 'node:vm'; console.log(vm.runInNewContext('a + 1', { a: 1 }), new vm.Script('1 + 1').runInThisContext())
