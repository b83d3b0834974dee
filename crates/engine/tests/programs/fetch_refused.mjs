try { await fetch('http://127.0.0.1:1/') } catch (e) { console.log(e.message, e.cause.code) }
